using System.Collections.Immutable;
using ProxyFramework.Backends.Ipvs.Layout;

namespace ProxyFramework.Ipvs.Tests;

/// <summary>Service ports to test with.</summary>
internal static class Services
{
    public static readonly Route ToCluster = new(TrafficPolicy.Cluster, false);
    public static readonly Route Masqueraded = new(TrafficPolicy.Cluster, true);
    public static readonly Route ToLocal = new(TrafficPolicy.Local, false);

    public static readonly NodeState Node = new() { NodePortAddresses = [InetAddress.Parse("192.0.2.1"), InetAddress.Parse("127.0.0.1"), InetAddress.Parse("2001:db8::1")] };

    public static Frontend ClusterIP(string address, ushort port = 80) =>
        new(FrontendKind.ClusterIP, InetAddress.Parse(address), port, Masqueraded, ToCluster, ToCluster);

    public static Frontend External(string address, Route outside, ushort port = 80) =>
        new(FrontendKind.ExternalIP, InetAddress.Parse(address), port, outside, Masqueraded, Masqueraded);

    public static Frontend NodePort(ushort port, Route outside) =>
        new(FrontendKind.NodePort, InetAddress.IPv4Any, port, outside, Masqueraded, Masqueraded);

    public static EndpointGroup Group(params string[] addresses) =>
        EndpointGroup.Forward([.. addresses.Select(address => new Endpoint(InetAddress.Parse(address), 8080))]);

    public static ServicePort Service(string name, EndpointGroup cluster, params ImmutableArray<Frontend> frontends) =>
        Service(name, cluster, cluster, 0, null, TransportProtocol.Tcp, [], frontends);

    public static ServicePort Service(
        string name,
        EndpointGroup cluster,
        EndpointGroup local,
        int affinity,
        string? scheduler,
        TransportProtocol protocol,
        ImmutableArray<Endpoint> draining,
        params ImmutableArray<Frontend> frontends) => new()
        {
            Key = new(new("ns", name), "http", protocol, IPFamily.IPv4),
            Frontends = frontends,
            Cluster = cluster,
            Local = local,
            AffinityTimeoutSeconds = affinity,
            Scheduler = scheduler,
            Draining = draining,
        };

    public static ServiceLayout Layout(string? defaultScheduler = null, params IReadOnlyCollection<string> missing) =>
        new(new KernelSchedulers(new NoPlugins(), defaultScheduler, missing), new Marks(1 << 14));

    internal sealed class NoPlugins : ISchedulerCatalog
    {
        public IReadOnlyCollection<string> Names => [];

        public IScheduler? Find(string name) => null;
    }
}
