using System.Collections.Immutable;
using ProxyFramework.KernelBackends;

namespace ProxyFramework.Backends.Iptables.Layout;

/// <summary>All chains of one family as they should be, and which of them have been touched since they were last taken. Pure: no kernel.</summary>
internal sealed class Ruleset
{
    private readonly IPFamily _family;
    private readonly NodeRules _node;
    private readonly SlotTables _slots;
    private readonly Dictionary<ServicePortKey, ServiceRules> _services = [];
    private readonly Dictionary<ChainId, ImmutableArray<Rule>> _chains = [];
    private readonly AddressTree _translations = new(RuleTable.Nat);
    private readonly AddressTree _refusals = new(RuleTable.Filter);
    private readonly SortedDictionary<FrontendKey, ImmutableArray<Rule>> _nodePortTranslations = new(AddressTree.ByAddress.Instance);
    private readonly SortedDictionary<FrontendKey, ImmutableArray<Rule>> _nodePortRefusals = new(AddressTree.ByAddress.Instance);
    private readonly SortedDictionary<InetAddress, int> _hairpins = [];
    private readonly Dictionary<InetAddress, (int Cluster, int External)> _addresses = [];

    public Ruleset(IPFamily family, NodeState node, IptablesSettings settings, SlotTables slots)
    {
        (_family, _slots) = (family, slots);
        _node = new NodeRules(family, node, settings);
        foreach (var chain in _node.Chains())
        {
            _chains[chain.Id] = chain.Rules;
            Touched.Add(chain.Id);
        }

        Touched.UnionWith(
        [
            new(RuleTable.Nat, ChainNames.Services), new(RuleTable.Filter, ChainNames.Services),
            new(RuleTable.Nat, ChainNames.NodePorts), new(RuleTable.Filter, ChainNames.NodePorts), new(RuleTable.Nat, ChainNames.Hairpin),
        ]);
    }

    /// <summary>The chains whose rules may have changed; to be cleared by who has written them.</summary>
    public HashSet<ChainId> Touched { get; } = [];

    /// <summary>The names of all chains.</summary>
    public IEnumerable<ChainId> Ids =>
    [
        .. _chains.Keys,
        .. _translations.Names.Select(static name => new ChainId(RuleTable.Nat, name)),
        .. _refusals.Names.Select(static name => new ChainId(RuleTable.Filter, name)),
        new(RuleTable.Nat, ChainNames.NodePorts), new(RuleTable.Filter, ChainNames.NodePorts), new(RuleTable.Nat, ChainNames.Hairpin),
    ];

    /// <summary>Sets or takes away a service port.</summary>
    /// <exception cref="Exception">Its scheduler threw; nothing was changed.</exception>
    public void Put(ServicePortKey key, ServicePort? service)
    {
        var after = service is null ? null : new ServiceRules(service, _node, _slots);
        if (_services.Remove(key, out var before))
        {
            Count(before, -1);
            foreach (var chain in before.Chains)
            {
                _chains.Remove(chain.Id);
                Touched.Add(chain.Id);
            }

            foreach (var frontend in before.Translations.Keys.Where(frontend => after?.Translations.ContainsKey(frontend) != true))
            {
                Put(RuleTable.Nat, frontend, []);
            }

            foreach (var frontend in before.Refusals.Keys.Where(frontend => after?.Refusals.ContainsKey(frontend) != true))
            {
                Put(RuleTable.Filter, frontend, []);
            }
        }

        if (after is null)
        {
            return;
        }

        _services[key] = after;
        Count(after, 1);
        foreach (var chain in after.Chains)
        {
            _chains[chain.Id] = chain.Rules;
            Touched.Add(chain.Id);
        }

        foreach (var (frontend, rules) in after.Translations)
        {
            Put(RuleTable.Nat, frontend, rules);
        }

        foreach (var (frontend, rules) in after.Refusals)
        {
            Put(RuleTable.Filter, frontend, rules);
        }
    }

    /// <summary>Whether a service port asks for a choice by hash.</summary>
    public bool WantsHash(ServicePortKey key) => _services.GetValueOrDefault(key)?.WantsHash == true;

    /// <summary>Whether a frontend is anyone's.</summary>
    public bool Has(FrontendKey frontend) => _services.Values.Any(service => service.Translations.ContainsKey(frontend) || service.Refusals.ContainsKey(frontend));

    /// <summary>The rules that a chain should have; null where it should not be.</summary>
    public IReadOnlyList<Rule>? Rules(ChainId id) => (id.Table, id.Name) switch
    {
        (RuleTable.Nat, ChainNames.Services) => [.. _node.RootRules, .. _translations.Rules(id.Name)!],
        (RuleTable.Filter, ChainNames.Services) => [.. _node.RootRules, .. _refusals.Rules(id.Name)!],
        (RuleTable.Nat, ChainNames.NodePorts) => [.. _nodePortTranslations.Values.SelectMany(static rules => rules)],
        (RuleTable.Filter, ChainNames.NodePorts) => [.. _nodePortRefusals.Values.SelectMany(static rules => rules)],
        (RuleTable.Nat, ChainNames.Hairpin) =>
            [.. _hairpins.Keys.Select(static address => new Rule($"-s {InetPrefix.Single(address)} -d {InetPrefix.Single(address)} -j MASQUERADE --random-fully"))],
        (RuleTable.Nat, _) => _chains.TryGetValue(id, out var rules) ? rules : _translations.Rules(id.Name),
        _ => _chains.TryGetValue(id, out var rules) ? rules : _refusals.Rules(id.Name),
    };

    private void Put(RuleTable table, FrontendKey frontend, ImmutableArray<Rule> rules)
    {
        if (frontend.Address.IsUnspecified)
        {
            var nodePorts = table == RuleTable.Nat ? _nodePortTranslations : _nodePortRefusals;
            nodePorts.Remove(frontend);
            if (!rules.IsEmpty)
            {
                nodePorts[frontend] = rules;
            }

            Touched.Add(new(table, ChainNames.NodePorts));
            return;
        }

        (table == RuleTable.Nat ? _translations : _refusals).Put(frontend, rules, Touched);
    }

    /// <summary>Counts what service ports share.</summary>
    private void Count(ServiceRules rules, int sign)
    {
        foreach (var address in rules.Hairpins)
        {
            var uses = _hairpins.GetValueOrDefault(address) + sign;
            _ = uses == 0 ? _hairpins.Remove(address) : _hairpins.TryAdd(address, uses);
            if (uses > 0)
            {
                _hairpins[address] = uses;
            }

            Touched.Add(new(RuleTable.Nat, ChainNames.Hairpin));
        }

        foreach (var (address, isCluster) in rules.Addresses)
        {
            var uses = _addresses.GetValueOrDefault(address);
            var (cluster, external) = isCluster ? (uses.Cluster + sign, uses.External) : (uses.Cluster, uses.External + sign);
            _addresses[address] = (cluster, external);
            var reject = _family == IPFamily.IPv4 ? "icmp-port-unreachable" : "icmp6-port-unreachable";
            if (cluster + external == 0)
            {
                _addresses.Remove(address);
                _refusals.Put(new(address, default, 0), [], Touched);
                continue;
            }

            var notOwn = cluster > 0 ? "" : "-m addrtype ! --dst-type LOCAL ";
            _refusals.Put(new(address, default, 0), [new($"-d {InetPrefix.Single(address)} {notOwn}-j REJECT --reject-with {reject}")], Touched);
        }
    }
}
