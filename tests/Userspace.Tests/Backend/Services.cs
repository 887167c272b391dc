using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;

namespace ProxyFramework.Userspace.Tests.Backend;

/// <summary>Service ports as the node view makes them.</summary>
internal static class Services
{
    private static int _next;

    private static readonly Route Cluster = new(TrafficPolicy.Cluster, false);

    /// <summary>A loopback address that nobody else uses, and a port that is free there.</summary>
    public static (InetAddress Address, ushort Port) FreeFrontend()
    {
        var number = Interlocked.Increment(ref _next);
        var address = InetAddress.FromIPv4(0x7F00_0000u | (uint)(16 + Environment.ProcessId % 200) << 16 | (uint)(256 + number));
        return (address, FreePort(address));
    }

    /// <summary>A port at which nobody listens.</summary>
    public static ushort FreePort(InetAddress address)
    {
        using var socket = new Socket(
            address.IsIPv4 ? AddressFamily.InterNetwork : AddressFamily.InterNetworkV6, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(address.ToIPAddress(), 0));
        return (ushort)((IPEndPoint)socket.LocalEndPoint!).Port;
    }

    public static ServicePort Make(
        (InetAddress Address, ushort Port) frontend,
        IEnumerable<IPEndPoint> endpoints,
        string name = "web",
        TransportProtocol protocol = TransportProtocol.Tcp) => Make([At(frontend)], endpoints, name, protocol);

    public static ServicePort Make(
        ImmutableArray<Frontend> frontends,
        IEnumerable<IPEndPoint> endpoints,
        string name = "web",
        TransportProtocol protocol = TransportProtocol.Tcp)
    {
        var group = Group(endpoints);
        return new ServicePort
        {
            Key = new ServicePortKey(new NamespacedName("default", name), "", protocol, frontends[0].Address.Family),
            Frontends = frontends,
            Cluster = group,
            Local = group,
        };
    }

    public static Frontend At((InetAddress Address, ushort Port) frontend, FrontendKind kind = FrontendKind.ClusterIP) =>
        new(kind, frontend.Address, frontend.Port, Cluster, Cluster, Cluster);

    public static EndpointGroup Group(IEnumerable<IPEndPoint> endpoints)
    {
        ImmutableArray<Endpoint> ordered =
        [
            .. endpoints.Select(endpoint => new Endpoint(InetAddress.FromIPAddress(endpoint.Address), (ushort)endpoint.Port))
                .OrderBy(endpoint => endpoint.Address).ThenBy(endpoint => endpoint.Port),
        ];
        return ordered.IsEmpty ? EndpointGroup.Reject : EndpointGroup.Forward(ordered);
    }

    /// <summary>The same service port with other values.</summary>
    public static ServicePort With(
        this ServicePort service,
        ImmutableArray<Frontend>? frontends = null,
        EndpointGroup? cluster = null,
        EndpointGroup? local = null,
        int? affinity = null,
        string? scheduler = null,
        ImmutableArray<Endpoint>? draining = null,
        params (string Name, string Value)[] options) => new()
        {
            Key = service.Key,
            Frontends = frontends ?? service.Frontends,
            Cluster = cluster ?? service.Cluster,
            Local = local ?? cluster ?? service.Local,
            AffinityTimeoutSeconds = affinity ?? service.AffinityTimeoutSeconds,
            Scheduler = scheduler ?? service.Scheduler,
            Draining = draining ?? service.Draining,
            Options = options.Length == 0 ? service.Options : options.ToDictionary(option => option.Name, option => option.Value),
        };

    public static IPEndPoint ToEndPoint(this (InetAddress Address, ushort Port) frontend) => new(frontend.Address.ToIPAddress(), frontend.Port);
}
