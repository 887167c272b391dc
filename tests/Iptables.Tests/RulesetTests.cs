using CsCheck;
using ProxyFramework.Backends.Iptables;
using ProxyFramework.Backends.Iptables.Layout;
using ProxyFramework.KernelBackends;
using ProxyFramework.Nftables.Tests;
using Xunit;
using static ProxyFramework.Nftables.Tests.Services;

namespace ProxyFramework.Iptables.Tests;

public sealed class RulesetTests
{
    private static readonly SlotTables Slots = new("iptables", new Schedulers(), defaultScheduler: null);

    private static readonly Gen<(int Name, ServicePort? Service)> AnyChange =
        from name in Gen.Int[0, 199]
        from present in Gen.Int[0, 3]
        from endpoints in Gen.Int[1, 9].HashSet[0, 4]
        from local in Gen.Int[1, 9].HashSet[0, 3]
        from affinity in Gen.Bool
        from nodePort in Gen.Bool
        select (name, present == 0 ? null : Build(name, endpoints, local, affinity, nodePort));

    [Fact]
    public void Chains_of_a_service_have_the_names_that_kube_proxy_gives_them() =>
        // The example that everyone has: default/kubernetes:https on TCP.
        Assert.Equal("NPX46M4PTMTKRN6Y", ChainNames.Hash(new(new("default", "kubernetes"), "https", TransportProtocol.Tcp, IPFamily.IPv4)));

    [Fact]
    public void Each_endpoint_gets_its_share_by_probabilities_of_what_is_left()
    {
        var rules = new ServiceRules(Service("a", Group("10.0.0.1", "10.0.0.2", "10.0.0.3"), ClusterIP("10.96.0.1")), Node(), Slots);
        Assert.Equal(
            [
                "-p tcp -m statistic --mode random --probability 0.33333333349 -j DNAT --to-destination 10.0.0.1:8080",
                "-p tcp -m statistic --mode random --probability 0.50000000000 -j DNAT --to-destination 10.0.0.2:8080",
                "-p tcp -j DNAT --to-destination 10.0.0.3:8080",
            ],
            Assert.Single(rules.Chains).Rules.Select(rule => rule.Text));
    }

    [Fact]
    public void A_service_without_endpoints_is_rejected_in_filter_and_has_nothing_in_nat()
    {
        var rules = new ServiceRules(Service("a", EndpointGroup.Reject, ClusterIP("10.96.0.1")), Node(), Slots);
        Assert.Empty(rules.Chains);
        Assert.Empty(rules.Translations);
        Assert.EndsWith("-j REJECT --reject-with icmp-port-unreachable", Assert.Single(Assert.Single(rules.Refusals).Value).Text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_new_connection_passes_few_rules_however_many_services_there_are()
    {
        var tree = new AddressTree(RuleTable.Nat);
        for (var i = 0; i < 10_000; i++)
        {
            tree.Put(new(InetAddress.FromIPv4(0x0A60_0001u + (uint)i), TransportProtocol.Tcp, 80), [new("x"), new("y")], new HashSet<ChainId>());
        }

        Assert.All(tree.Names, name => Assert.InRange(tree.Rules(name)!.Count, 1, 2 * AddressTree.MaxLeaf));
        Assert.InRange(tree.Names.Max(name => name.Length), 1, ChainNames.Services.Length + 1 + 3);
    }

    [Fact]
    public void Any_series_of_changes_leaves_exactly_the_rules_of_the_last_state() =>
        AnyChange.Array[1, 300].Sample(
            changes =>
            {
                var rules = Ruleset();
                var written = new Dictionary<ChainId, string>();
                var state = new Dictionary<ServicePortKey, ServicePort>();
                foreach (var (name, service) in changes)
                {
                    var key = Key(name);
                    rules.Put(key, service);
                    _ = service is null ? state.Remove(key) : state.TryAdd(key, service);
                    if (service is not null)
                    {
                        state[key] = service;
                    }

                    Take(rules, written);
                }

                var anew = Ruleset();
                foreach (var service in state.Values.Reverse())
                {
                    anew.Put(service.Key, service);
                }

                var wanted = new Dictionary<ChainId, string>();
                Take(anew, wanted);
                Assert.Equal(wanted.OrderBy(chain => chain.Key.ToString()), written.OrderBy(chain => chain.Key.ToString()));
                AssertThatTargetsExist(wanted);
            },
            iter: 200);

    private static void AssertThatTargetsExist(Dictionary<ChainId, string> chains)
    {
        foreach (var (chain, content) in chains)
        {
            foreach (var target in content.Split('\n').Select(rule => rule.Split(' ')).Where(words => words.Length > 1).Select(words => words[Array.FindLastIndex(words, word => word is "-j" or "-g") + 1]))
            {
                Assert.True(!target.StartsWith("KUBE-", StringComparison.Ordinal) || chains.ContainsKey(chain with { Name = target }), $"{chain} leads to {target}, which is not there");
            }
        }
    }

    /// <summary>What the feed does: takes what has been touched.</summary>
    private static void Take(Ruleset rules, Dictionary<ChainId, string> written)
    {
        foreach (var chain in rules.Touched)
        {
            if (rules.Rules(chain) is { } content)
            {
                written[chain] = string.Join('\n', content.Select(rule => rule.Text));
            }
            else
            {
                written.Remove(chain);
            }
        }

        rules.Touched.Clear();
    }

    private static Ruleset Ruleset() => new(IPFamily.IPv4, NodeState.Unknown, new IptablesSettings(), Slots);

    private static NodeRules Node() => new(IPFamily.IPv4, NodeState.Unknown, new IptablesSettings());

    private static ServicePortKey Key(int name) => new(new("ns", $"s{name}"), "http", TransportProtocol.Tcp, IPFamily.IPv4);

    private static ServicePort Build(int name, HashSet<int> endpoints, HashSet<int> local, bool affinity, bool nodePort)
    {
        static EndpointGroup Of(HashSet<int> numbers, EndpointGroup none) => numbers.Count == 0 ? none : Group([.. numbers.Order().Select(number => $"10.0.0.{number}")]);
        var clusterIP = ClusterIP($"10.96.0.{name}");
        return Service($"s{name}", Of(endpoints, EndpointGroup.Reject), nodePort ? [clusterIP, NodePort((ushort)(30000 + name), ToLocal)] : [clusterIP])
            .With(local: Of(local, EndpointGroup.Drop), affinity: affinity ? 60 : 0);
    }
}
