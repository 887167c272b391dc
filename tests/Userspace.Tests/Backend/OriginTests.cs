using Xunit;

namespace ProxyFramework.Userspace.Tests.Backend;

/// <summary>Connections are told apart by where they start, also where they are dropped.</summary>
public sealed class OriginTests : NamespaceTest
{
    [Theory]
    [InlineData("192.0.2.1")]
    [InlineData("2001:db8::1")]
    public async Task A_local_policy_without_local_endpoints_drops_outside_traffic_and_serves_the_node(string text)
    {
        var address = InetAddress.Parse(text);
        var outside = Outside;
        using var test = Start();
        test.Test.Node = new NodeState { InterfaceAddresses = [address] };
        var service = Services.Make(
            [new Frontend(FrontendKind.ExternalIP, address, 80, ToLocal, ToCluster, ToCluster)], [Server.EndPoint]).With(local: EndpointGroup.Drop);
        Apply(test, service);
        Assert.Equal("a", Ask(Node, (address, 80)));
        var asking = Task.Run(() => Ask(outside, (address, 80)));
        WaitForSynSent(outside);
        Assert.Equal("a", Ask(Node, (address, 80)));

        // The SYN was neither answered nor refused: it gets through when there is a local endpoint.
        Apply(test, service.With(local: Services.Group([Other.EndPoint])));
        Assert.Equal("b", await asking);
        Assert.Equal("a", Ask(Node, (address, 80)));
    }

    [Theory]
    [InlineData(LocalPodDetectionMode.ClusterCidr, "192.0.2.1", "192.0.2.0/24", "")]
    [InlineData(LocalPodDetectionMode.NodeCidr, "2001:db8::1", "2001:db8::/64", "")]
    [InlineData(LocalPodDetectionMode.BridgeInterface, "192.0.2.1", "", "eth0")]
    [InlineData(LocalPodDetectionMode.InterfaceNamePrefix, "2001:db8::1", "", "eth")]
    public void Traffic_of_pods_on_the_node_takes_their_route(LocalPodDetectionMode mode, string text, string range, string name)
    {
        var address = InetAddress.Parse(text);
        var outside = Outside;
        using var test = Start();
        var service = Services.Make(
            [new Frontend(FrontendKind.ExternalIP, address, 80, ToLocal, ToCluster, ToCluster)], [Server.EndPoint])
            .With(local: Services.Group([Other.EndPoint]));
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
        var outside = Outside;
        using var cluster = new UdpServer("cluster");
        using var local = new UdpServer("local");
        using var test = Start();
        var service = Services.Make(
            [new Frontend(FrontendKind.ExternalIP, address, 53, ToLocal, ToCluster, ToCluster)], [cluster.EndPoint], "dns", TransportProtocol.Udp)
            .With(local: Services.Group([local.EndPoint]));
        test.Test.Node = new NodeState { InterfaceAddresses = [address] };
        Apply(test, service);
        Assert.Equal("local", AskUdp(outside, (address, 53)));
        Assert.Equal("cluster", AskUdp(Node, (address, 53)));
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
        var outside = Outside;
        using var test = Start();
        test.Test.Node = new NodeState { InterfaceAddresses = [address] };
        var frontend = new Frontend(FrontendKind.LoadBalancerIP, address, 80, ToCluster, ToCluster, ToCluster);
        var service = Services.Make([frontend with { SourceRanges = [InetPrefix.Parse(wrong)] }], [Server.EndPoint]);
        Apply(test, service);
        var asking = Task.Run(() => Ask(outside, (address, 80)));
        WaitForSynSent(outside);
        Apply(test, service.With(frontends: [frontend with { SourceRanges = [InetPrefix.Parse(wrong), InetPrefix.Parse(right)] }]));
        Assert.Equal("a", await asking);
    }

    [Fact]
    public async Task A_pod_is_told_by_its_interface_also_where_that_comes_later()
    {
        var address = InetAddress.Parse("192.0.2.1");
        using var test = Start();
        test.Test.Node = new NodeState
        {
            InterfaceAddresses = [address],
            LocalPods = new LocalPodDetection { Mode = LocalPodDetectionMode.InterfaceNamePrefix, InterfaceName = "pod" },
        };
        var outside = Outside;
        Apply(test, Services.Make(
            [new Frontend(FrontendKind.ExternalIP, address, 80, ToLocal, ToCluster, ToCluster)], [Server.EndPoint])
            .With(local: Services.Group([Other.EndPoint])));
        Assert.Equal("b", Ask(outside, (address, 80)));
        foreach (var (name, expected) in new[] { ("pod0", "a"), ("eth0", "b") })
        {
            var present = name == "pod0" ? "eth0" : "pod0";
            Node.Exec("ip", "link", "set", present, "down");
            Node.Exec("ip", "link", "set", present, "name", name);
            Node.Exec("ip", "link", "set", name, "up");
            await Wait.UntilAsync(() => Ask(outside, (address, 80)) == expected, $"{name} is noticed");
        }
    }
}
