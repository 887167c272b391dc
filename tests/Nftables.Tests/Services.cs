using System.Collections.Immutable;

namespace ProxyFramework.Nftables.Tests;

/// <summary>Service ports to test with.</summary>
internal static class Services
{
    public static readonly Route ToCluster = new(TrafficPolicy.Cluster, false);
    public static readonly Route Masqueraded = new(TrafficPolicy.Cluster, true);
    public static readonly Route ToLocal = new(TrafficPolicy.Local, false);

    public static Frontend ClusterIP(string address, ushort port = 80) =>
        new(FrontendKind.ClusterIP, InetAddress.Parse(address), port, Masqueraded, ToCluster, ToCluster);

    public static Frontend NodePort(ushort port, Route outside) =>
        new(FrontendKind.NodePort, InetAddress.IPv4Any, port, outside, Masqueraded, Masqueraded);

    public static EndpointGroup Group(params string[] addresses) =>
        EndpointGroup.Forward([.. addresses.Select(address => new Endpoint(InetAddress.Parse(address), 8080))]);

    public static ServicePort Service(string name, EndpointGroup cluster, params ImmutableArray<Frontend> frontends) => new()
    {
        Key = new(new("ns", name), "http", TransportProtocol.Tcp, IPFamily.IPv4),
        Frontends = frontends,
        Cluster = cluster,
        Local = cluster,
    };

    public static ServicePort With(
        this ServicePort service, EndpointGroup? cluster = null, EndpointGroup? local = null, int? affinity = null, string? scheduler = null) => new()
        {
            Key = service.Key,
            Frontends = service.Frontends,
            Cluster = cluster ?? service.Cluster,
            Local = local ?? service.Local,
            AffinityTimeoutSeconds = affinity ?? service.AffinityTimeoutSeconds,
            Scheduler = scheduler ?? service.Scheduler,
        };
}
