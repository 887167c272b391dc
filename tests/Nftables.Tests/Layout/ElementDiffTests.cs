using System.Collections.Immutable;
using CsCheck;
using ProxyFramework.Backends.Nftables.Layout;
using ProxyFramework.KernelBackends;
using Xunit;
using static ProxyFramework.Nftables.Tests.Services;

namespace ProxyFramework.Nftables.Tests;

public sealed class ElementDiffTests
{
    private static readonly ElementLayout Layout = new(new SlotTables("nftables", new Schedulers(), defaultScheduler: null));

    private static readonly Gen<ServicePort?> AnyService =
        from present in Gen.Int[0, 4]
        from endpoints in Gen.Int[1, 6].HashSet[0, 4]
        from local in Gen.Int[1, 6].HashSet[0, 4]
        from affinity in Gen.Int[0, 2]
        from nodePort in Gen.Bool
        from isLocal in Gen.Bool
        select present == 0 ? null : Build(endpoints, local, affinity, nodePort, isLocal);

    [Fact]
    public void One_endpoint_replaced_touches_its_slot_and_its_address_alone()
    {
        var before = Service("a", Group("10.0.0.1", "10.0.0.2", "10.0.0.3"), ClusterIP("10.96.0.1"));
        var (deletions, additions) = Diff(before, before.With(cluster: Group("10.0.0.1", "10.0.0.2", "10.0.0.4"), local: Group("10.0.0.1")));
        Assert.Equal(["endpoint-addresses", "endpoints-cluster"], deletions.Select(element => element.Key.Set.Name).Order());
        Assert.Equal(["endpoint-addresses", "endpoints-cluster"], additions.Select(element => element.Key.Set.Name).Order());
        Assert.Equal(InetAddress.Parse("10.0.0.4"), additions.Single(element => element.Key.Set.IsMap).Value.Address);
    }

    [Fact]
    public void An_unchanged_service_touches_nothing()
    {
        var service = Service("a", Group("10.0.0.1"), ClusterIP("10.96.0.1"));
        var (deletions, additions) = Diff(service, service.With());
        Assert.Empty(deletions);
        Assert.Empty(additions);
    }

    [Fact]
    public void A_cluster_ip_stays_known_until_its_last_port_goes()
    {
        var uses = new ElementUses();
        var (one, two) = (Service("a", EndpointGroup.Reject, ClusterIP("10.96.0.1")), Service("b", EndpointGroup.Reject, ClusterIP("10.96.0.1", 81)));
        Diff(null, one, uses);
        Assert.DoesNotContain(Diff(null, two, uses).Additions, e => e.Key.Set.IsShared);
        Assert.DoesNotContain(Diff(one, null, uses).Deletions, e => e.Key.Set.IsShared);
        Assert.Single(Diff(two, null, uses).Deletions, e => e.Key.Set.IsShared);
    }

    [Fact]
    public void Any_series_of_changes_leaves_exactly_the_elements_of_the_last_state() =>
        AnyService.Array[1, 12].Sample(states =>
        {
            var kernel = new Dictionary<ElementKey, ElementValue>();
            var uses = new ElementUses();
            ServicePort? before = null;
            foreach (var after in states)
            {
                if (before is null && after is null)
                {
                    continue;
                }

                var (deletions, additions) = Diff(before, after, uses);
                foreach (var element in deletions)
                {
                    Assert.True(kernel.Remove(element.Key, out var value) && value == element.Value, "what is deleted was there");
                }

                foreach (var element in additions)
                {
                    Assert.True(kernel.TryAdd(element.Key, element.Value), "what is added was not there");
                }

                var wanted = new List<Element>();
                if (after is not null)
                {
                    Layout.Add(after, wanted);
                }

                Assert.Equal(wanted.Distinct().ToHashSet(), kernel.Select(pair => new Element(pair.Key, pair.Value)).ToHashSet());
                before = after;
            }
        });

    private static (List<Element> Deletions, List<Element> Additions) Diff(ServicePort? before, ServicePort? after, ElementUses? uses = null)
    {
        if (uses is null)
        {
            uses = new();
            Diff(null, before, uses);
        }

        var (deletions, additions) = (new List<Element>(), new List<Element>());
        new ElementDiff(Layout, uses).Compute(new(before, after), deletions, additions);
        return (deletions, additions);
    }

    private static ServicePort Build(HashSet<int> endpoints, HashSet<int> local, int affinity, bool nodePort, bool isLocal)
    {
        ImmutableArray<Frontend> frontends = nodePort ? [ClusterIP("10.96.0.1"), NodePort(30000, ToLocal)] : [ClusterIP("10.96.0.1")];
        return Service("a", GroupOf(endpoints, isLocal, EndpointGroup.Reject), frontends)
            .With(local: GroupOf(local, true, EndpointGroup.Drop), affinity: affinity * 30);
    }

    private static EndpointGroup GroupOf(HashSet<int> numbers, bool isLocal, EndpointGroup none) => numbers.Count == 0
        ? none
        : EndpointGroup.Forward([.. numbers.Order().Select(n => new Endpoint(InetAddress.FromIPv4(0x0A000000u + (uint)n), 8080, IsLocal: isLocal))]);
}
