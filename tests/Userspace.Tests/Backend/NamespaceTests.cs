using System.Diagnostics;
using System.Net.Sockets;
using ProxyFramework.Backends.Userspace;
using ProxyFramework.Testing;
using Xunit;

namespace ProxyFramework.Userspace.Tests.Backend;

/// <summary>
/// What needs addresses and interfaces of one's own: the backend listens in a network namespace, clients are there or in another
/// one beyond a pair of veth interfaces. Endpoints are reached from the namespace of the test, where its threads are.
/// </summary>
public sealed class NamespaceTests : IDisposable
{
    private static readonly Route ToLocal = new(TrafficPolicy.Local, false);
    private static readonly Route ToCluster = new(TrafficPolicy.Cluster, true);

    private readonly NetworkNamespace _node = NetworkNamespace.Create();
    private readonly Lazy<NetworkNamespace> _outside;
    private readonly TcpServer _server = new("a");
    private readonly TcpServer _other = new("b");

    public NamespaceTests() => _outside = new(() =>
    {
        var outside = NetworkNamespace.Create();
        _node.Exec("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", outside.Path.Split('/')[4]);
        foreach (var (space, last) in new[] { (_node, 1), (outside, 2) })
        {
            space.Exec("ip", "addr", "add", $"192.0.2.{last}/24", "dev", "eth0");
            space.Exec("ip", "addr", "add", $"2001:db8::{last}/64", "dev", "eth0", "nodad");
            space.Exec("ip", "link", "set", "eth0", "up");
        }

        outside.Exec("ip", "route", "add", "10.96.0.0/16", "via", "192.0.2.1");
        outside.Exec("ip", "-6", "route", "add", "fd00::/64", "via", "2001:db8::1");
        return outside;
    });

    public void Dispose()
    {
        _server.Dispose();
        _other.Dispose();
        _node.Dispose();
        if (_outside.IsValueCreated)
        {
            _outside.Value.Dispose();
        }
    }

    [Theory]
    [InlineData("10.96.0.1")]
    [InlineData("fd00::1")]
    public void A_service_address_is_local_while_a_frontend_has_it_and_no_longer(string text)
    {
        var address = InetAddress.Parse(text);
        using var test = Start();
        var first = Services.Make((address, (ushort)80), [_server.EndPoint], "first");
        var second = Services.Make((address, (ushort)81), [_server.EndPoint], "second");
        Apply(test, first, second);
        Assert.Equal("a", Ask(_node, (address, 80)));
        Assert.Equal("a", Ask(_node, (address, 81)));
        Assert.Equal([text], Routes(address.Family));
        Remove(test, first);
        Assert.Equal("a", Ask(_node, (address, 81)));
        Assert.Equal("ConnectionRefused", Ask(_node, (address, 80)));
        Remove(test, second);
        Assert.Empty(Routes(address.Family));
    }

    [Fact]
    public void An_address_without_endpoints_is_local_so_that_the_kernel_refuses()
    {
        using var test = Start();
        Apply(test, Services.Make((InetAddress.Parse("10.96.0.1"), (ushort)80), []));
        Assert.Equal("ConnectionRefused", Ask(_outside.Value, (InetAddress.Parse("10.96.0.1"), 80)));
    }

    [Fact]
    public void Routes_stay_at_the_end_are_adopted_by_the_next_run_and_go_with_the_last_frontend()
    {
        var (kept, gone) = (InetAddress.Parse("10.96.0.1"), InetAddress.Parse("10.96.0.2"));
        var first = Services.Make((kept, (ushort)80), [_server.EndPoint], "kept");
        using (var test = Start())
        {
            Apply(test, first, Services.Make((gone, (ushort)80), [_server.EndPoint], "gone"));
        }

        Assert.Equal(["10.96.0.1", "10.96.0.2"], Routes(IPFamily.IPv4));
        _node.Exec("ip", "route", "add", "local", "10.96.0.99", "dev", "lo", "table", "local", "proto", "static");
        using var next = Start();
        ApplyFull(next, first);
        Assert.Equal(["10.96.0.1"], Routes(IPFamily.IPv4));
        Assert.Equal("a", Ask(_node, (kept, 80)));

        // Someone else's route is left alone.
        Assert.Contains("10.96.0.99", _node.Exec("ip", "route", "show", "table", "local"), StringComparison.Ordinal);
    }

    [Fact]
    public void A_full_change_set_brings_back_routes_that_somebody_took_away()
    {
        var address = InetAddress.Parse("10.96.0.1");
        var service = Services.Make((address, (ushort)80), [_server.EndPoint]);
        using var test = Start();
        Apply(test, service);
        _node.Exec("ip", "route", "flush", "table", "local", "proto", LocalRoutes.RouteProtocol.ToString(System.Globalization.CultureInfo.InvariantCulture));
        ApplyFull(test, service);
        Assert.Equal("a", Ask(_node, (address, 80)));
    }

    [Fact]
    public void Cleanup_takes_all_routes_away_and_nothing_else()
    {
        using (var test = Start())
        {
            Apply(
                test,
                Services.Make((InetAddress.Parse("10.96.0.1"), (ushort)80), [_server.EndPoint], "four"),
                Services.Make((InetAddress.Parse("fd00::1"), (ushort)80), [_server.EndPoint], "six"));
        }

        var before = _node.Exec("ip", "route", "show", "table", "local", "proto", "kernel");
        _node.Run(() =>
        {
            var backend = new UserspaceBackend();
            using var context = Start();
            backend.CleanupAsync(context.Test.Context(), CancellationToken.None).AsTask().GetAwaiter().GetResult();
        });
        Assert.Empty(Routes(IPFamily.IPv4));
        Assert.Empty(Routes(IPFamily.IPv6));
        Assert.Equal(before, _node.Exec("ip", "route", "show", "table", "local", "proto", "kernel"));
    }

    [Fact]
    public void An_address_on_an_interface_needs_no_route_until_it_leaves_the_interface()
    {
        _ = _outside.Value;
        var address = InetAddress.Parse("192.0.2.1");
        using var test = Start();
        test.Test.Node = new NodeState { InterfaceAddresses = [address] };
        var service = Services.Make((address, (ushort)80), [_server.EndPoint]);
        Apply(test, service);
        Assert.Empty(Routes(IPFamily.IPv4));
        _node.Exec("ip", "addr", "del", "192.0.2.1/24", "dev", "eth0");
        test.Test.Node = NodeState.Unknown;
        Apply(test);
        Assert.Equal(["192.0.2.1"], Routes(IPFamily.IPv4));
        Assert.Equal("a", Ask(_node, (address, 80)));
    }

    [Fact]
    public void Ten_thousand_addresses_are_made_local_within_seconds()
    {
        using var test = Start();
        var services = Enumerable.Range(0, 10_000)
            .Select(number => Services.Make((InetAddress.FromIPv4(0x0A60_0000u + (uint)number), (ushort)80), [_server.EndPoint], $"s{number}"))
            .ToArray();
        var watch = Stopwatch.StartNew();
        ApplyFull(test, services);
        TestContext.Current.SendDiagnosticMessage($"10,000 services with routes: {watch.ElapsedMilliseconds} ms");
        Assert.InRange(watch.Elapsed.TotalSeconds, 0, 10);
        Assert.Equal("a", Ask(_node, (services[^1].Frontends[0].Address, 80)));
        watch.Restart();
        ApplyFull(test);
        TestContext.Current.SendDiagnosticMessage($"and away: {watch.ElapsedMilliseconds} ms");
        Assert.Empty(Routes(IPFamily.IPv4));
    }

    [Theory]
    [InlineData("192.0.2.1")]
    [InlineData("2001:db8::1")]
    public async Task A_local_policy_without_local_endpoints_drops_outside_traffic_and_serves_the_node(string text)
    {
        var address = InetAddress.Parse(text);
        var outside = _outside.Value;
        using var test = Start();
        test.Test.Node = new NodeState { InterfaceAddresses = [address] };
        var service = Services.Make(
            [new Frontend(FrontendKind.ExternalIP, address, 80, ToLocal, ToCluster, ToCluster)], [_server.EndPoint]).With(local: EndpointGroup.Drop);
        Apply(test, service);
        Assert.Equal("a", Ask(_node, (address, 80)));
        var asking = Task.Run(() => Ask(outside, (address, 80)));
        WaitForSynSent(outside);
        Assert.Equal("a", Ask(_node, (address, 80)));

        // The SYN was neither answered nor refused: it gets through when there is a local endpoint.
        Apply(test, service.With(local: Services.Group([_other.EndPoint])));
        Assert.Equal("b", await asking);
        Assert.Equal("a", Ask(_node, (address, 80)));
    }

    [Theory]
    [InlineData(LocalPodDetectionMode.ClusterCidr, "192.0.2.1", "192.0.2.0/24", "")]
    [InlineData(LocalPodDetectionMode.NodeCidr, "2001:db8::1", "2001:db8::/64", "")]
    [InlineData(LocalPodDetectionMode.BridgeInterface, "192.0.2.1", "", "eth0")]
    [InlineData(LocalPodDetectionMode.InterfaceNamePrefix, "2001:db8::1", "", "eth")]
    public void Traffic_of_pods_on_the_node_takes_their_route(LocalPodDetectionMode mode, string text, string range, string name)
    {
        var address = InetAddress.Parse(text);
        var outside = _outside.Value;
        using var test = Start();
        var service = Services.Make(
            [new Frontend(FrontendKind.ExternalIP, address, 80, ToLocal, ToCluster, ToCluster)], [_server.EndPoint])
            .With(local: Services.Group([_other.EndPoint]));
        test.Test.Node = new NodeState { InterfaceAddresses = [address] };
        Apply(test, service);
        Assert.Equal("b", Ask(outside, (address, 80)));

        // The same peer is a pod as soon as the node says how to tell.
        test.Test.Node = test.Test.Node with
        {
            LocalPods = new LocalPodDetection
            {
                Mode = mode,
                InterfaceName = name,
                Ranges = range.Length == 0 ? [] : [InetPrefix.Parse(range)],
            },
        };
        Apply(test);
        Assert.Equal("a", Ask(outside, (address, 80)));

        // And the filter agrees: what is dropped for others is served to it.
        Apply(test, service.With(local: EndpointGroup.Drop));
        Assert.Equal("a", Ask(outside, (address, 80)));
    }

    [Fact]
    public void UDP_traffic_of_pods_behind_an_interface_takes_their_route()
    {
        var address = InetAddress.Parse("192.0.2.1");
        var outside = _outside.Value;
        using var cluster = new UdpServer("cluster");
        using var local = new UdpServer("local");
        using var test = Start();
        var service = Services.Make(
            [new Frontend(FrontendKind.ExternalIP, address, 53, ToLocal, ToCluster, ToCluster)], [cluster.EndPoint], "dns", TransportProtocol.Udp)
            .With(local: Services.Group([local.EndPoint]));
        test.Test.Node = new NodeState { InterfaceAddresses = [address] };
        Apply(test, service);
        Assert.Equal("local", AskUdp(outside, (address, 53)));
        Assert.Equal("cluster", AskUdp(_node, (address, 53)));
        test.Test.Node = test.Test.Node with
        {
            LocalPods = new LocalPodDetection { Mode = LocalPodDetectionMode.InterfaceNamePrefix, InterfaceName = "eth" },
        };
        Apply(test);
        Assert.Equal("cluster", AskUdp(outside, (address, 53)));
    }

    [Theory]
    [InlineData("192.0.2.1", "198.51.100.0/24", "192.0.2.2/31")]
    [InlineData("2001:db8::1", "2001:db8:0:1::/64", "2001:db8::2/127")]
    public async Task Only_the_source_ranges_reach_the_frontend(string text, string wrong, string right)
    {
        var address = InetAddress.Parse(text);
        var outside = _outside.Value;
        using var test = Start();
        test.Test.Node = new NodeState { InterfaceAddresses = [address] };
        var frontend = new Frontend(FrontendKind.LoadBalancerIP, address, 80, ToCluster, ToCluster, ToCluster);
        var service = Services.Make([frontend with { SourceRanges = [InetPrefix.Parse(wrong)] }], [_server.EndPoint]);
        Apply(test, service);
        var asking = Task.Run(() => Ask(outside, (address, 80)));
        WaitForSynSent(outside);
        Apply(test, service.With(frontends: [frontend with { SourceRanges = [InetPrefix.Parse(wrong), InetPrefix.Parse(right)] }]));
        Assert.Equal("a", await asking);
    }

    private static void Apply(Disposing test, params ServicePort[] services) =>
        test.InNode(() => test.Test.ApplyAsync(services).GetAwaiter().GetResult());

    private static void Remove(Disposing test, params ServicePort[] services) =>
        test.InNode(() => Assert.Empty(test.Test.RemoveAsync(services).GetAwaiter().GetResult().Failures));

    private static void ApplyFull(Disposing test, params ServicePort[] services) =>
        test.InNode(() => Assert.Empty(test.Test.ApplyFullAsync(services).GetAwaiter().GetResult().Failures));

    /// <summary>Connects from a namespace and returns the name that the server says, or the error.</summary>
    private static string Ask(NetworkNamespace from, (InetAddress Address, ushort Port) frontend)
    {
        var endPoint = frontend.ToEndPoint();
        using var socket = from.Run(() => new Socket(endPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp));
        try
        {
            socket.ReceiveTimeout = 20_000;
            socket.Connect(endPoint);
            var buffer = new byte[2];
            var count = socket.Receive(buffer);
            return System.Text.Encoding.ASCII.GetString(buffer, 0, Math.Min(count, 1));
        }
        catch (SocketException error)
        {
            return error.SocketErrorCode.ToString();
        }
    }

    private static string AskUdp(NetworkNamespace from, (InetAddress Address, ushort Port) frontend)
    {
        var endPoint = frontend.ToEndPoint();
        using var socket = from.Run(() => new Socket(endPoint.AddressFamily, SocketType.Dgram, ProtocolType.Udp));
        socket.ReceiveTimeout = 20_000;
        socket.Connect(endPoint);
        socket.Send("x"u8);
        var buffer = new byte[100];
        return System.Text.Encoding.ASCII.GetString(buffer, 0, socket.Receive(buffer)).Split(' ')[0];
    }

    private static void WaitForSynSent(NetworkNamespace space) =>
        Wait.UntilAsync(() => space.Exec("ss", "-Htn", "state", "syn-sent").Length > 0, "the client has sent its SYN").GetAwaiter().GetResult();

    private Disposing Start() => new(_node.Run(BackendUnderTest.StartWithRoutes), _node);

    private string[] Routes(IPFamily family) =>
    [
        .. _node.Exec(
                "ip", family == IPFamily.IPv4 ? "-4" : "-6", "route", "show", "table", "local", "type", "local", "proto", "78")
            .Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split(' ').SkipWhile(word => word == "local").First()),
    ];

    /// <summary>The backend in the node's namespace.</summary>
    private sealed class Disposing(BackendUnderTest test, NetworkNamespace node) : IDisposable
    {
        public BackendUnderTest Test => test;

        public void InNode(Action action) => node.Run(action);

        public void Dispose() => test.DisposeAsync().AsTask().GetAwaiter().GetResult();
    }
}
