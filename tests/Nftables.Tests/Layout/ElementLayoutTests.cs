using ProxyFramework.Backends.Nftables.Layout;
using ProxyFramework.KernelBackends;
using Xunit;
using static ProxyFramework.Nftables.Tests.Services;

namespace ProxyFramework.Nftables.Tests;

public sealed class ElementLayoutTests
{
    private readonly SlotTables _slots = new("nftables", new Schedulers(), defaultScheduler: null);

    [Fact]
    public void A_cluster_ip_is_in_the_class_of_its_slots_with_one_element_for_each_slot()
    {
        var names = Names(Service("a", Group("10.0.0.1", "10.0.0.2"), ClusterIP("10.96.0.1")));
        Assert.Equal(["cluster-2", "cluster-ips", "endpoint-addresses", "endpoint-addresses", "endpoints-cluster", "endpoints-cluster", "masquerade-from-outside"], names);
    }

    [Fact]
    public void A_service_without_endpoints_is_rejected_on_every_frontend()
    {
        var names = Names(Service("a", EndpointGroup.Reject, ClusterIP("10.96.0.1"), NodePort(30000, Masqueraded)));
        Assert.Contains("cluster-reject", names);
        Assert.Contains("nodeport-cluster-reject", names);
        Assert.DoesNotContain("endpoints-cluster", names);
    }

    [Fact]
    public void A_local_route_uses_the_local_group_and_other_origins_the_cluster_group()
    {
        var names = Names(Service("a", Group("10.0.0.1"), NodePort(30000, ToLocal)).With(local: EndpointGroup.Drop));
        Assert.Contains("nodeport-local-from-outside", names);
        Assert.Contains("nodeport-local-drop", names);
        Assert.Contains("nodeport-cluster-1", names);
        Assert.DoesNotContain("nodeport-local-from-node", names);
        Assert.DoesNotContain("nodeport-masquerade-from-outside", names);
    }

    [Fact]
    public void Weights_become_slots()
    {
        var group = EndpointGroup.Forward([new(InetAddress.Parse("10.0.0.1"), 1, Weight: 3), new(InetAddress.Parse("10.0.0.2"), 1)]);
        var elements = Elements(Service("a", group, ClusterIP("10.96.0.1")).With(scheduler: "wrr"));
        Assert.Equal(3, elements.Count(e => e.Key.Set.Kind == SetKind.Endpoints && e.Value.Address == InetAddress.Parse("10.0.0.1")));
        Assert.Single(elements, e => e.Key.Set.Class.Slots == 4);
    }

    [Fact]
    public void A_scheduler_that_needs_counts_is_replaced_with_a_notice()
    {
        var service = Service("a", Group("10.0.0.1"), ClusterIP("10.96.0.1")).With(scheduler: "lc");
        Assert.Contains("'lc' cannot be written as a table of slots", _slots.NoticeFor(service), StringComparison.Ordinal);
        Assert.Contains("cluster-1", Names(service));
    }

    [Fact]
    public void An_unknown_scheduler_is_replaced_with_a_notice_that_names_the_known_ones()
    {
        var notice = _slots.NoticeFor(Service("a", Group("10.0.0.1"), ClusterIP("10.96.0.1")).With(scheduler: "best"));
        Assert.Contains("no scheduler 'best'; loaded are: broken, lc, mh, sh, wrr", notice, StringComparison.Ordinal);
    }

    [Fact]
    public void Another_affinity_timeout_is_another_class_and_the_same_endpoint_ids()
    {
        var service = Service("a", Group("10.0.0.1", "10.0.0.2"), ClusterIP("10.96.0.1"));
        var (old, now) = (Elements(service.With(affinity: 10)), Elements(service.With(affinity: 20)));
        Assert.Equal(
            ["cluster-2-affinity-10", "cluster-2-affinity-20"],
            old.Except(now).Concat(now.Except(old)).Select(element => element.Key.Set.Name));
    }

    [Fact]
    public void An_endpoint_keeps_its_affinity_id_when_others_come_and_go()
    {
        var one = EndpointIds.Assign(Group("10.0.0.1", "10.0.0.3").Endpoints);
        var two = EndpointIds.Assign(Group("10.0.0.2", "10.0.0.3", "10.0.0.4").Endpoints);
        Assert.Equal(one[1], two[1]);
        Assert.Equal(3, two.Distinct().Count());
    }

    [Fact]
    public void Source_ranges_inside_others_are_left_out_for_the_kernel_refuses_overlaps()
    {
        var frontend = ClusterIP("10.96.0.1") with
        {
            Kind = FrontendKind.LoadBalancerIP,
            SourceRanges = [InetPrefix.Parse("10.1.2.0/24"), InetPrefix.Parse("10.1.0.0/16"), InetPrefix.Parse("10.1.0.0/16"), InetPrefix.Parse("fd00::/8")],
        };
        var elements = Elements(Service("a", Group("10.0.0.1"), frontend));
        var allowed = Assert.Single(elements, e => e.Key.Set.Kind == SetKind.Allowed);
        Assert.Equal(InetPrefix.Parse("10.1.0.0/16"), allowed.Key.Source);
        Assert.Single(elements, e => e.Key.Set.Kind == SetKind.Restricted);
    }

    [Fact]
    public void Source_ranges_of_which_none_is_of_the_family_let_nobody_in()
    {
        var frontend = ClusterIP("10.96.0.1") with { SourceRanges = [InetPrefix.Parse("fd00::/8")] };
        var names = Names(Service("a", Group("10.0.0.1"), frontend));
        Assert.Contains("restricted", names);
        Assert.DoesNotContain("allowed", names);
    }

    [Fact]
    public void Only_local_endpoints_take_part_in_hairpin()
    {
        var group = EndpointGroup.Forward([new(InetAddress.Parse("10.0.0.1"), 1, IsLocal: true), new(InetAddress.Parse("10.0.0.2"), 1)]);
        var hairpin = Assert.Single(Elements(Service("a", group, ClusterIP("10.96.0.1"))), e => e.Key.Set.Kind == SetKind.Hairpin);
        Assert.Equal(InetAddress.Parse("10.0.0.1"), hairpin.Key.Frontend.Address);
    }

    private List<Element> Elements(ServicePort service)
    {
        var elements = new List<Element>();
        new ElementLayout(_slots).Add(service, elements);
        return elements;
    }

    private IEnumerable<string> Names(ServicePort service) => Elements(service).Select(element => element.Key.Set.Name).Order(StringComparer.Ordinal);
}
