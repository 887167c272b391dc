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

    /// <summary>The same service in IPv6: the last byte of each address in <c>fd00::/16</c>.</summary>
    public static ServicePort InIPv6(this ServicePort service) => new()
    {
        Key = service.Key with { Family = IPFamily.IPv6 },
        Frontends = [.. service.Frontends.Select(frontend => frontend with
        {
            Address = frontend.Kind == FrontendKind.NodePort ? InetAddress.IPv6Any : InIPv6(frontend.Address),
            SourceRanges = frontend.SourceRanges.IsDefault ? default : [InetPrefix.Parse("fd00::/16")],
        })],
        Cluster = service.Cluster.InIPv6(),
        Local = ReferenceEquals(service.Local, service.Cluster) ? service.Cluster.InIPv6() : service.Local.InIPv6(),
        AffinityTimeoutSeconds = service.AffinityTimeoutSeconds,
        Scheduler = service.Scheduler,
    };

    private static EndpointGroup InIPv6(this EndpointGroup group) => group.Verdict != Verdict.Forward
        ? group
        : EndpointGroup.Forward([.. group.Endpoints.Select(endpoint => endpoint with { Address = InIPv6(endpoint.Address) })]);

    private static InetAddress InIPv6(InetAddress address)
    {
        Span<byte> bytes = stackalloc byte[16];
        bytes[0] = 0xFD;
        address.WriteBytes(bytes[12..]);
        return InetAddress.FromBytes(bytes);
    }

    public static ServicePort With(
        this ServicePort service,
        EndpointGroup? cluster = null,
        EndpointGroup? local = null,
        int? affinity = null,
        string? scheduler = null,
        ImmutableArray<Frontend>? frontends = null) => new()
        {
            Key = service.Key,
            Frontends = frontends ?? service.Frontends,
            Cluster = cluster ?? service.Cluster,
            Local = local ?? service.Local,
            AffinityTimeoutSeconds = affinity ?? service.AffinityTimeoutSeconds,
            Scheduler = scheduler ?? service.Scheduler,
        };
}
