using System.Collections;
using System.Collections.Immutable;
using System.Reflection;
using ProxyFramework.Core.Objects;
using Xunit;

namespace ProxyFramework.Core.Tests.Objects;

/// <summary>Every field of the slim types counts in their equality, fields that are added later too.</summary>
public class ObjectEqualityTests
{
    public static TheoryData<string> Fields => [.. Samples.SelectMany(sample => sample.GetType().GetProperties().Where(p => p.CanWrite).Select(p => $"{sample.GetType().Name}.{p.Name}"))];

    private static object[] Samples => [FullService(), FullSlice(), FullNode()];

    [Theory]
    [MemberData(nameof(Fields))]
    public void Objects_that_differ_in_one_field_are_not_equal(string field)
    {
        var typeName = field.Split('.')[0];
        var left = Samples.Single(sample => sample.GetType().Name == typeName);
        var right = Samples.Single(sample => sample.GetType().Name == typeName);
        Assert.Equal(left, right);
        Assert.Equal(left.GetHashCode(), right.GetHashCode());
        var property = left.GetType().GetProperty(field.Split('.')[1])!;
        property.SetValue(right, Another(property, property.GetValue(right)));
        Assert.NotEqual(left, right);
    }

    private static object? Another(PropertyInfo property, object? value) => value switch
    {
        bool flag => !flag,
        string text => text + "x",
        int number => number + 1,
        ushort number => (ushort)(number + 1),
        DateTimeOffset time => time.AddTicks(1),
        NamespacedName name => name with { Name = name.Name + "x" },
        IPFamily => IPFamily.IPv6,
        ServiceType => ServiceType.ExternalName,
        TrafficPolicy => TrafficPolicy.Local,
        // The same elements without the last: equality must look at the contents.
        IEnumerable => typeof(ObjectEqualityTests).GetMethod(nameof(WithoutLast), BindingFlags.NonPublic | BindingFlags.Static)!
            .MakeGenericMethod(property.PropertyType.GetGenericArguments()[0]).Invoke(null, [value]),
        _ => throw new NotSupportedException($"no other value known for {property.Name}"),
    };

    private static ImmutableArray<T> WithoutLast<T>(ImmutableArray<T> array) => array.RemoveAt(array.Length - 1);

    private static Service FullService() => new()
    {
        Name = new("default", "web"),
        CreationTimestamp = DateTimeOffset.UnixEpoch,
        ProxyName = "p",
        Type = ServiceType.NodePort,
        ClusterIPs = [InetAddress.Parse("10.0.0.1")],
        ExternalIPs = [InetAddress.Parse("10.0.0.2")],
        LoadBalancerIPs = [InetAddress.Parse("10.0.0.3")],
        LoadBalancerSourceRanges = [InetPrefix.Parse("10.0.0.0/8")],
        Ports = [new("a", TransportProtocol.Tcp, 80, 1)],
        AffinityTimeoutSeconds = 5,
        HealthCheckNodePort = 6,
        Annotations = [new("a", "b")],
    };

    private static EndpointSlice FullSlice() => new()
    {
        Name = new("default", "web-a"),
        ServiceName = "web",
        AddressType = IPFamily.IPv4,
        Ports = [new("a", TransportProtocol.Tcp, 80)],
        Endpoints = [new(InetAddress.Parse("10.0.0.1"), EndpointConditions.Ready, "n", "t", new(["z"], ["n"]))],
        LastChangeTriggerTime = DateTimeOffset.UnixEpoch,
    };

    private static Node FullNode() => new()
    {
        Name = "n",
        Zone = "z",
        Addresses = [InetAddress.Parse("10.0.0.1")],
        PodCidrs = [InetPrefix.Parse("10.0.0.0/8")],
    };
}
