using System.Collections.Immutable;
using System.Globalization;
using ProxyFramework.Core.Objects;
using ProxyFramework.Core.Sources;
using ProxyFramework.Core.View;

namespace ProxyFramework.Benchmarks;

/// <summary>
/// Objects of an invented cluster: every string is an object of its own, as decoders make them, and of the length that names have
/// in real ones.
/// </summary>
internal static class Cluster
{
    public const int EndpointsPerService = 5;

    public static string NodeName(int node) => Scale.ClusterManifests.NodeName(node);

    public static NodeView NewView() => new(new NodeViewOptions
    {
        NodeName = NodeName(7),
        Zone = "eu-central-1a",
        DetectLocalMode = LocalPodDetectionMode.ClusterCidr,
        ClusterCidrs = [InetPrefix.Parse("100.64.0.0/10")],
    });

    /// <summary>Fills a view with services and their slices.</summary>
    public static NodeView Load(int services)
    {
        var view = NewView();
        for (var i = 0; i < services; i++)
        {
            view.Apply(new SourceEvent.ServiceUpserted(Service(i)));
            view.Apply(new SourceEvent.EndpointSliceUpserted(Slice(i, generation: 0)));
        }

        return view;
    }

    public static Service Service(int index) => new()
    {
        Name = new NamespacedName(Namespace(index), ServiceName(index)),
        CreationTimestamp = DateTimeOffset.UnixEpoch.AddSeconds(index),
        ClusterIPs = [InetAddress.FromIPv4(0x0A600000 + (uint)index + 1)],
        Ports = [new ServicePortSpec(string.Concat("ht", "tp"), TransportProtocol.Tcp, 80, 0)],
    };

    /// <summary>The slice of a service; its generation decides the address of one endpoint.</summary>
    public static EndpointSlice Slice(int index, int generation, int count = EndpointsPerService)
    {
        var endpoints = ImmutableArray.CreateBuilder<SliceEndpoint>(count);
        for (var i = 0; i < count; i++)
        {
            var pod = (index * EndpointsPerService) + i;
            endpoints.Add(new SliceEndpoint(
                InetAddress.FromIPv4(0x64400000 + (uint)pod + (i == 0 ? (uint)generation << 19 : 0)),
                EndpointConditions.Ready | EndpointConditions.Serving,
                NodeName(pod % 1000),
                string.Create(CultureInfo.InvariantCulture, $"{ServiceName(index)}-7d9f8b6c5d-{pod:x5}"),
                null));
        }

        return new EndpointSlice
        {
            Name = new NamespacedName(Namespace(index), string.Create(CultureInfo.InvariantCulture, $"{ServiceName(index)}-x{index:x4}")),
            ServiceName = ServiceName(index),
            AddressType = IPFamily.IPv4,
            Ports = [new EndpointSlicePort(string.Concat("ht", "tp"), TransportProtocol.Tcp, 8080)],
            Endpoints = endpoints.MoveToImmutable(),
        };
    }

    private static string Namespace(int index) => string.Create(CultureInfo.InvariantCulture, $"team-{index % 200}");

    private static string ServiceName(int index) => string.Create(CultureInfo.InvariantCulture, $"checkout-backend-{index}");
}
