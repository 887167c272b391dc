using ProxyFramework.Backends.Ipvs.Layout;
using ProxyFramework.Netlink.Ipvs;
using Xunit;
using static ProxyFramework.Ipvs.Tests.Services;

namespace ProxyFramework.Ipvs.Tests;

public sealed class ServiceLayoutTests
{
    [Fact]
    public void A_cluster_ip_is_one_virtual_server_with_a_real_server_for_each_endpoint()
    {
        var plan = Layout().Build(Service("a", Group("10.0.0.1", "10.0.0.2"), ClusterIP("10.96.0.1")), Node);
        var server = Assert.Single(plan.Servers);
        Assert.Equal("Tcp 10.96.0.1:80", server.Service.Key.ToString());
        Assert.Equal("rr", server.Service.Scheduler);
        Assert.Equal(["10.0.0.1:8080", "10.0.0.2:8080"], server.Destinations.Select(destination => destination.ToString()));
        Assert.Equal(["addresses", "masquerade-from-outside", "services"], Names(plan));
    }

    [Fact]
    public void A_node_port_is_a_virtual_server_for_each_node_address_but_not_for_loopback_ones()
    {
        var plan = Layout().Build(Service("a", Group("10.0.0.1"), NodePort(30000, Masqueraded)), Node);
        Assert.Equal("Tcp 192.0.2.1:30000", Assert.Single(plan.Servers).Service.Key.ToString());
        Assert.DoesNotContain("addresses", Names(plan));
    }

    [Fact]
    public void Without_endpoints_there_is_no_virtual_server_and_every_origin_is_refused()
    {
        var plan = Layout().Build(Service("a", EndpointGroup.Reject, ClusterIP("10.96.0.1")), Node);
        Assert.Empty(plan.Servers);
        Assert.Equal(["addresses", "reject-from-node", "reject-from-outside", "reject-from-pod", "services"], Names(plan));
    }

    [Fact]
    public void A_local_policy_without_local_endpoints_drops_from_outside_and_serves_pods_and_the_node_by_a_mark()
    {
        var plan = Layout().Build(
            Service("a", Group("10.0.0.1"), EndpointGroup.Drop, 0, null, TransportProtocol.Tcp, [], External("198.18.0.1", ToLocal)), Node);
        var server = Assert.Single(plan.Servers);
        Assert.NotEqual(0u, server.Service.Key.Mark);
        Assert.Contains("drop-from-outside", Names(plan));
        Assert.Equal(2, plan.Elements.Count(element => element.Set.Kind == SetKind.Mark && element.Mark == server.Service.Key.Mark));
        Assert.True(new Marks(1 << 14).IsOurs(server.Service.Key.Mark));
        Assert.Equal(1u << 14, server.Service.Key.Mark & (1u << 14));
    }

    [Fact]
    public void Where_local_and_cluster_endpoints_are_the_same_no_mark_is_needed()
    {
        var plan = Layout().Build(
            Service("a", Group("10.0.0.1"), Group("10.0.0.1"), 0, null, TransportProtocol.Tcp, [], External("198.18.0.1", ToLocal)), Node);
        Assert.Equal(0u, Assert.Single(plan.Servers).Service.Key.Mark);
    }

    [Fact]
    public void Session_affinity_is_persistence_with_its_timeout_and_a_hash_where_there_is_a_mark()
    {
        var plan = Layout().Build(
            Service("a", Group("10.0.0.1", "10.0.0.2"), Group("10.0.0.1"), 30, null, TransportProtocol.Tcp, [], External("198.18.0.1", ToLocal)), Node);
        var byAddress = Assert.Single(plan.Servers, server => server.Service.Key.Mark == 0).Service;
        Assert.True(byAddress.Flags.HasFlag(IpvsServiceFlags.Persistent));
        Assert.Equal(TimeSpan.FromSeconds(30), byAddress.Timeout);
        Assert.Equal("mh", Assert.Single(plan.Servers, server => server.Service.Key.Mark != 0).Service.Scheduler);
        Assert.Contains("session affinity", Assert.Single(plan.Notices), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null, "rr")]
    [InlineData("wlc", "wlc")]
    [InlineData("ovf", "ovf")]
    [InlineData("mh", "mh")]
    public void Every_scheduler_of_the_kernel_is_known_by_name(string? wanted, string scheduler)
    {
        var plan = Layout().Build(Service("a", Group("10.0.0.1"), Group("10.0.0.1"), 0, wanted, TransportProtocol.Tcp, [], ClusterIP("10.96.0.1")), Node);
        Assert.Equal(scheduler, Assert.Single(plan.Servers).Service.Scheduler);
        Assert.Empty(plan.Notices);
    }

    [Theory]
    [InlineData("best", "'best' is not one of the kernel's")]
    [InlineData("sed", "this kernel has no module ip_vs_sed ('modprobe ip_vs_sed' on the node)")]
    public void A_scheduler_that_there_is_not_is_replaced_by_the_default_with_a_notice(string wanted, string notice)
    {
        var service = Service("a", Group("10.0.0.1"), Group("10.0.0.1"), 0, wanted, TransportProtocol.Tcp, [], ClusterIP("10.96.0.1"));
        var plan = Layout("lc", "sed").Build(service, Node);
        Assert.Equal("lc", Assert.Single(plan.Servers).Service.Scheduler);
        Assert.Contains(notice, Assert.Single(plan.Notices), StringComparison.Ordinal);
    }

    [Fact]
    public void Weights_count_without_anyone_asking_for_a_scheduler()
    {
        var group = EndpointGroup.Forward([new(InetAddress.Parse("10.0.0.1"), 1, Weight: 3), new(InetAddress.Parse("10.0.0.2"), 1)]);
        var server = Assert.Single(Layout().Build(Service("a", group, ClusterIP("10.96.0.1")), Node).Servers);
        Assert.Equal("wrr", server.Service.Scheduler);
        Assert.Equal([3, 1], server.Destinations.Select(destination => destination.Weight));
    }

    [Fact]
    public void Udp_endpoints_that_drain_have_weight_0()
    {
        var draining = new Endpoint(InetAddress.Parse("10.0.0.2"), 8080);
        var plan = Layout().Build(Service("a", Group("10.0.0.1"), Group("10.0.0.1"), 0, null, TransportProtocol.Udp, [draining], ClusterIP("10.96.0.1")), Node);
        Assert.Equal([1, 0], Assert.Single(plan.Servers).Destinations.Select(destination => destination.Weight));
    }

    [Fact]
    public void Other_ports_of_an_external_ip_that_is_the_nodes_own_address_stay_the_nodes()
    {
        var node = Node with { InterfaceAddresses = [InetAddress.Parse("198.18.0.1")] };
        Assert.DoesNotContain("addresses", Names(Layout().Build(Service("a", Group("10.0.0.1"), External("198.18.0.1", Masqueraded)), node)));
    }

    [Fact]
    public void Source_ranges_inside_others_and_of_the_other_family_are_left_out()
    {
        var frontend = External("198.18.0.1", Masqueraded) with
        {
            SourceRanges = [InetPrefix.Parse("10.1.2.0/24"), InetPrefix.Parse("10.1.0.0/16"), InetPrefix.Parse("10.1.0.0/16"), InetPrefix.Parse("fd00::/8")],
        };
        var plan = Layout().Build(Service("a", Group("10.0.0.1"), frontend), Node);
        Assert.Equal(InetPrefix.Parse("10.1.0.0/16"), Assert.Single(plan.Elements, element => element.Set.Kind == SetKind.Allowed).Source);
        Assert.Contains("restricted", Names(plan));
    }

    [Fact]
    public void Marks_are_the_same_after_a_restart_and_different_for_each_service_port()
    {
        var (one, two) = (new Marks(1 << 14), new Marks(1 << 14));
        var keys = Enumerable.Range(0, 5000).Select(i => new ServicePortKey(new("ns", $"s{i}"), "", TransportProtocol.Tcp, IPFamily.IPv4)).ToList();
        Assert.Equal(5000, keys.Select(key => one.Take(key, false)).Distinct().Count());
        Assert.Equal(keys.Take(50).Select(key => one.Take(key, true)), keys.Take(50).Select(key => two.Take(key, true)));
        Assert.All(keys, key => Assert.True(one.IsOurs(one.Take(key, true))));
    }

    private static IEnumerable<string> Names(ServicePlan plan) => plan.Elements.Select(element => element.Set.Name).Order(StringComparer.Ordinal);
}
