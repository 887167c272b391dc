using ProxyFramework.Core.Objects;
using Xunit;

namespace ProxyFramework.Core.Tests.View;

/// <summary>Where a service is reached, and what happens to connections of each origin.</summary>
public sealed class FrontendTests
{
    private const TransportProtocol Tcp = TransportProtocol.Tcp;

    private static Service Everything(Service service) => service with
    {
        Type = ServiceType.LoadBalancer,
        ExternalIPs = Scene.Addresses("192.0.2.1"),
        LoadBalancerIPs = Scene.Addresses("198.51.100.1"),
        Ports = [new ServicePortSpec("", Tcp, 80, 30080)],
    };

    [Fact]
    public void A_service_is_reached_at_all_its_frontends_ordered_by_kind() => Assert.Equal(
        "ClusterIP 10.96.0.1:80, LoadBalancerIP 198.51.100.1:80, ExternalIP 192.0.2.1:80, NodePort 0.0.0.0:30080",
        new Scene().Service("web", Everything).Frontends("web"));

    [Fact]
    public void A_dual_stack_service_is_one_service_port_for_each_family()
    {
        var scene = new Scene().Service("web", service => Everything(service) with
        {
            ClusterIPs = Scene.Addresses("10.96.0.1 fd96::1"),
            ExternalIPs = Scene.Addresses("192.0.2.1 fd02::1"),
        });
        Assert.Equal("ClusterIP 10.96.0.1:80, LoadBalancerIP 198.51.100.1:80, ExternalIP 192.0.2.1:80, NodePort 0.0.0.0:30080", scene.Frontends("web"));
        Assert.Equal("ClusterIP [fd96::1]:80, ExternalIP [fd02::1]:80, NodePort [::]:30080", scene.Frontends("web", family: IPFamily.IPv6));
    }

    [Theory]
    [InlineData(ServiceType.ClusterIP, "ClusterIP 10.96.0.1:80")]
    [InlineData(ServiceType.NodePort, "ClusterIP 10.96.0.1:80, NodePort 0.0.0.0:30080")]
    [InlineData(ServiceType.LoadBalancer, "ClusterIP 10.96.0.1:80, NodePort 0.0.0.0:30080")]
    public void Node_ports_belong_to_node_port_and_load_balancer_services(ServiceType type, string expected) => Assert.Equal(
        expected, new Scene().Service("web", service => service with { Type = type, Ports = [new ServicePortSpec("", Tcp, 80, 30080)] }).Frontends("web"));

    [Theory]
    [InlineData("an ExternalName service", ServiceType.ExternalName, "10.96.0.1", null)]
    [InlineData("a headless service", ServiceType.ClusterIP, "", null)]
    [InlineData("another proxy's service", ServiceType.ClusterIP, "10.96.0.1", "other")]
    public void Some_services_are_not_proxied(string what, ServiceType type, string clusterIPs, string? proxyName)
    {
        var scene = new Scene().Service("web", service => service with
        {
            Type = type,
            ClusterIPs = Scene.Addresses(clusterIPs),
            ProxyName = proxyName,
            ExternalIPs = Scene.Addresses("192.0.2.1"),
        });
        Assert.True(scene.Keys().Length == 0, what);
        Assert.Empty(scene.Problems);
    }

    [Fact]
    public void A_named_proxy_serves_its_own_services_and_no_others()
    {
        var scene = new Scene(options => options with { ServiceProxyName = "mine" })
            .Service("web").Service("own", service => service with { ClusterIPs = Scene.Addresses("10.96.0.2"), ProxyName = "mine" });
        Assert.Equal("own/TCP/IPv4", scene.Keys());
    }

    [Fact]
    public void A_service_that_stops_being_proxied_goes()
    {
        var scene = new Scene().Service("web");
        scene.Take();
        Assert.Equal("-web/TCP/IPv4", scene.Service("web", service => service with { Type = ServiceType.ExternalName }).TakeKeys());
    }

    [Theory]
    [InlineData("0.0.0.0")]
    [InlineData("239.1.1.1")]
    [InlineData("169.254.20.10")]
    [InlineData("fd00::1")]
    public void An_external_ip_that_makes_no_sense_is_refused_alone(string address)
    {
        var scene = new Scene().Service("web", service => service with { ExternalIPs = Scene.Addresses($"192.0.2.1 {address}") });
        Assert.Equal("ClusterIP 10.96.0.1:80, ExternalIP 192.0.2.1:80", scene.Frontends("web"));
        var problem = Assert.Single(scene.Problems);
        Assert.Equal(("Service default/web", "spec.externalIPs[1]"), (problem.Object, problem.Field));
    }

    [Fact]
    public void Refused_cluster_ips_ports_and_load_balancer_ips_cost_only_themselves()
    {
        var scene = new Scene().Service("web", service => service with
        {
            ClusterIPs = Scene.Addresses("10.96.0.1 ff02::1"),
            LoadBalancerIPs = Scene.Addresses("fd00::1"),
            Ports = [new("a", Tcp, 80, 0), new("b", Tcp, 0, 0), new("a", Tcp, 81, 0)],
        });
        Assert.Equal("web:a/TCP/IPv4", scene.Keys());
        Assert.Equal("ClusterIP 10.96.0.1:80", scene.Frontends("web", "a"));
        Assert.Equal(
            ["spec.clusterIPs[1]", "status.loadBalancer.ingress[0]", "spec.ports[1].port", "spec.ports[2].name"],
            scene.Problems.Select(problem => problem.Field));
    }

    [Fact]
    public void A_loopback_frontend_is_let_in() =>
        Assert.Equal("ClusterIP 127.0.0.10:80", new Scene().Service("web", service => service with { ClusterIPs = Scene.Addresses("127.0.0.10") }).Frontends("web"));

    /// <summary>Configuration, policies, the frontend's kind, and policy and source address for connections from outside, local pods and the node.</summary>
    public static TheoryData<string, TrafficPolicy, FrontendKind, string> Routes => new()
    {
        { "", TrafficPolicy.Cluster, FrontendKind.ClusterIP, "Cluster Cluster Cluster" },
        { "", TrafficPolicy.Local, FrontendKind.ClusterIP, "Local Local Local" },
        { "detect", TrafficPolicy.Cluster, FrontendKind.ClusterIP, "Cluster+masq Cluster Cluster+masq" },
        { "detect", TrafficPolicy.Local, FrontendKind.ClusterIP, "Local+masq Local Local+masq" },
        { "all", TrafficPolicy.Cluster, FrontendKind.ClusterIP, "Cluster+masq Cluster+masq Cluster+masq" },
        { "detect all", TrafficPolicy.Local, FrontendKind.ClusterIP, "Local+masq Local+masq Local+masq" },
        { "", TrafficPolicy.Cluster, FrontendKind.ExternalIP, "Cluster+masq Cluster+masq Cluster+masq" },
        { "", TrafficPolicy.Cluster, FrontendKind.LoadBalancerIP, "Cluster+masq Cluster+masq Cluster+masq" },
        { "detect", TrafficPolicy.Cluster, FrontendKind.NodePort, "Cluster+masq Cluster+masq Cluster+masq" },
        { "", TrafficPolicy.Local, FrontendKind.ExternalIP, "Local Cluster Cluster+masq" },
        { "", TrafficPolicy.Local, FrontendKind.LoadBalancerIP, "Local Cluster Cluster+masq" },
        { "detect", TrafficPolicy.Local, FrontendKind.NodePort, "Local Cluster Cluster+masq" },
        { "all", TrafficPolicy.Local, FrontendKind.NodePort, "Local Cluster+masq Cluster+masq" },
    };

    [Theory]
    [MemberData(nameof(Routes))]
    public void Each_origin_gets_the_policy_and_the_source_address_of_the_semantics(
        string configuration, TrafficPolicy policy, FrontendKind kind, string expected)
    {
        var scene = new Scene(options => options with
        {
            MasqueradeAll = configuration.Contains("all", StringComparison.Ordinal),
            DetectLocalMode = configuration.Contains("detect", StringComparison.Ordinal) ? LocalPodDetectionMode.BridgeInterface : LocalPodDetectionMode.None,
            InterfaceName = "cni0",
        })
            .Service("web", service => Everything(service) with
            {
                InternalTrafficPolicy = kind == FrontendKind.ClusterIP ? policy : TrafficPolicy.Cluster,
                ExternalTrafficPolicy = kind == FrontendKind.ClusterIP ? TrafficPolicy.Cluster : policy,
            });
        var frontend = scene.Port("web").Frontends.Single(candidate => candidate.Kind == kind);
        Assert.Equal(expected, string.Join(' ', Enum.GetValues<TrafficOrigin>().Select(origin => Text(frontend.RouteFrom(origin)))));
    }

    [Fact]
    public void With_pod_ranges_of_one_family_the_other_is_not_masqueraded()
    {
        var scene = new Scene(options => options with { DetectLocalMode = LocalPodDetectionMode.ClusterCidr, ClusterCidrs = Scene.Prefixes("10.1.0.0/16") })
            .Service("web", service => service with { ClusterIPs = Scene.Addresses("10.96.0.1 fd96::1") });
        Assert.True(scene.Port("web").Frontends[0].Outside.Masquerade);
        Assert.False(scene.Port("web", family: IPFamily.IPv6).Frontends[0].Outside.Masquerade);
    }

    [Theory]
    [InlineData("", "198.51.100.0/24 203.0.113.0/24", "198.51.100.0/24 203.0.113.0/24")]
    [InlineData("", "203.0.113.0/24 198.18.0.0/15 203.0.113.0/24", "198.18.0.0/15 203.0.113.0/24")]
    [InlineData("203.0.113.9", "203.0.113.0/24", "198.51.100.1/32 203.0.113.0/24")]
    [InlineData("192.0.2.9", "203.0.113.0/24", "203.0.113.0/24")]
    [InlineData("10.0.0.1", "0.0.0.0/0", "0.0.0.0/0")]
    [InlineData("", "fd00::/8", "all")]
    [InlineData("", "203.0.113.0/24 fd00::/8", "203.0.113.0/24")]
    public void Only_the_source_ranges_reach_load_balancer_ips(string ownAddresses, string ranges, string expected)
    {
        var scene = new Scene().Interfaces(ownAddresses)
            .Service("web", service => Everything(service) with { LoadBalancerSourceRanges = Scene.Prefixes(ranges) });
        foreach (var frontend in scene.Port("web").Frontends)
        {
            var text = frontend.SourceRanges.IsDefault ? "all" : string.Join(' ', frontend.SourceRanges);
            Assert.Equal(frontend.Kind == FrontendKind.LoadBalancerIP ? expected : "all", text);
        }
    }

    [Fact]
    public void Source_ranges_of_the_other_family_are_ignored_with_a_message_and_an_open_family_is_named()
    {
        var scene = new Scene().Service("web", service => Everything(service) with { LoadBalancerSourceRanges = Scene.Prefixes("fd00::/8") });
        Assert.Equal(
            ["spec.loadBalancerSourceRanges[0]", "spec.loadBalancerSourceRanges"],
            scene.Problems.Select(problem => problem.Field));
        Assert.Contains("open to every source", scene.Problems[1].Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Source_ranges_of_both_families_on_a_dual_stack_service_need_no_message()
    {
        var scene = new Scene().Service("web", service => Everything(service) with
        {
            ClusterIPs = Scene.Addresses("10.96.0.1 fd96::1"),
            LoadBalancerIPs = Scene.Addresses("198.51.100.1 fd51::1"),
            LoadBalancerSourceRanges = Scene.Prefixes("203.0.113.0/24 fd00::/8"),
        });
        Assert.Equal("fd00::/8", string.Join(' ', scene.Port("web", family: IPFamily.IPv6).Frontends[1].SourceRanges));
        Assert.Empty(scene.Problems);
    }

    [Fact]
    public void A_change_of_interface_addresses_recomputes_only_services_with_source_ranges()
    {
        var scene = new Scene().Service("plain", service => service with { ClusterIPs = Scene.Addresses("10.96.0.2") })
            .Service("web", service => Everything(service) with { LoadBalancerSourceRanges = Scene.Prefixes("203.0.113.0/24") });
        scene.Take();
        Assert.Equal("~web/TCP/IPv4", scene.Interfaces("203.0.113.9").TakeKeys());
        Assert.Equal("", scene.Interfaces("203.0.113.9 192.0.2.7").TakeKeys());
    }

    [Fact]
    public void Affinity_is_the_services_and_bounded_by_the_api()
    {
        Assert.Equal(0, new Scene().Service("web").Port("web").AffinityTimeoutSeconds);
        Assert.Equal(10800, new Scene().Service("web", service => service with { AffinityTimeoutSeconds = 10800 }).Port("web").AffinityTimeoutSeconds);
        var scene = new Scene().Service("web", service => service with { AffinityTimeoutSeconds = 90000 });
        Assert.Equal(86400, scene.Port("web").AffinityTimeoutSeconds);
        Assert.Single(scene.Problems);
    }

    private static string Text(Route route) => route.Masquerade ? $"{route.Policy}+masq" : $"{route.Policy}";
}
