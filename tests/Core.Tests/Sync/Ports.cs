using System.Collections.Immutable;
using ProxyFramework.Core.View;

namespace ProxyFramework.Core.Tests.Sync;

/// <summary>Short ways to make service ports and changes of them.</summary>
internal static class Ports
{
    private static readonly Route Plain = new(TrafficPolicy.Cluster, Masquerade: false);

    public static ServicePortKey Key(string name) => new(new NamespacedName("default", name), "", TransportProtocol.Tcp, IPFamily.IPv4);

    /// <summary>A service port whose one endpoint has this port, so that versions of it differ.</summary>
    public static ServicePort Port(string name, int version = 1, DateTimeOffset? changed = null)
    {
        var group = EndpointGroup.Forward([new Endpoint(InetAddress.Parse("10.0.0.1"), (ushort)version)]);
        return new ServicePort
        {
            Key = Key(name),
            Frontends = [new Frontend(FrontendKind.ClusterIP, InetAddress.Parse("10.96.0.1"), 80, Plain, Plain, Plain)],
            Cluster = group,
            Local = group,
            LastChangeTriggerTime = changed,
        };
    }

    /// <summary>What the view would post for these; what was before does not matter to the loop.</summary>
    public static NodeViewChanges Changes(params ServicePort[] wanted) =>
        new() { ServicePorts = [.. wanted.Select(port => new ServicePortChange(null, port))] };

    public static NodeViewChanges Removal(string name) => new() { ServicePorts = [new ServicePortChange(Port(name), null)] };

    public static ImmutableArray<string> Names(ImmutableArray<ServicePortChange> changes) =>
        [.. changes.Select(change => change.Key.Service.Name).Order(StringComparer.Ordinal)];
}
