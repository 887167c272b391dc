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
    private readonly Dictionary<RuleTable, DispatchTree> _addressTrees = [];
    private readonly Dictionary<(RuleTable Table, TransportProtocol Protocol), DispatchTree> _portTrees = [];
    private readonly SortedDictionary<InetAddress, int> _hairpins = [];
    private readonly SortedDictionary<InetAddress, int> _endpointRanges = [];
    private readonly Dictionary<InetAddress, (int Cluster, int External)> _addresses = [];

    /// <param name="family">The family.</param>
    /// <param name="node">The node.</param>
    /// <param name="settings">The settings.</param>
    /// <param name="slots">Finds the slots of groups.</param>
    /// <param name="canHash">Whether the kernel has xt_cluster; asked where a service needs it.</param>
    public Ruleset(IPFamily family, NodeState node, IptablesSettings settings, SlotTables slots, Func<bool> canHash)
    {
        (_family, _slots) = (family, slots);
        _node = new NodeRules(family, node, settings, canHash);
        foreach (var table in new[] { RuleTable.Nat, RuleTable.Filter })
        {
            _addressTrees[table] = new(table, ChainNames.Services, new AddressBits(family));
            foreach (var protocol in Enum.GetValues<TransportProtocol>())
            {
                _portTrees[(table, protocol)] = new(table, ChainNames.NodePortsOf(protocol), new PortBits(protocol));
            }
        }

        foreach (var chain in _node.Chains())
        {
            _chains[chain.Id] = chain.Rules;
            Touched.Add(chain.Id);
        }

        Touched.UnionWith(
        [
            new(RuleTable.Nat, ChainNames.Services), new(RuleTable.Filter, ChainNames.Services),
            new(RuleTable.Nat, ChainNames.NodePorts), new(RuleTable.Filter, ChainNames.NodePorts), new(RuleTable.Nat, ChainNames.Hairpin),
            new(RuleTable.Filter, ChainNames.Invalid),
        ]);
    }

    /// <summary>The chains whose rules may have changed; to be cleared by who has written them.</summary>
    public HashSet<ChainId> Touched { get; } = [];

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

    /// <summary>The shared chains that those of services lead to.</summary>
    public IEnumerable<ChainId> MasqueradeChains => _chains.Keys.Where(static chain =>
        chain.Name == ChainNames.MarkMasquerade || chain.Name.StartsWith(ChainNames.Masquerade, StringComparison.Ordinal)).ToList();

    /// <summary>The chains of a service port.</summary>
    public IEnumerable<ChainId> ChainsOf(ServicePortKey key) => _services[key].Chains.Select(static chain => chain.Id);

    /// <summary>What a service port's choice of endpoints is instead of its scheduler's; null where it is that.</summary>
    public string? NoticeFor(ServicePortKey key) => _services.GetValueOrDefault(key)?.Notice;

    /// <summary>All frontends.</summary>
    public HashSet<FrontendKey> Frontends() => [.. _services.Values.SelectMany(static service => service.Translations.Keys.Concat(service.Refusals.Keys))];

    /// <summary>The rules that a chain should have; null where it should not be.</summary>
    public IReadOnlyList<Rule>? Rules(ChainId id) => id.Name switch
    {
        ChainNames.Services when id.Table != RuleTable.Mangle => [.. _node.RootRules, .. _addressTrees[id.Table].Rules(id.Name)!],
        ChainNames.NodePorts when id.Table != RuleTable.Mangle => [.. Enum.GetValues<TransportProtocol>().SelectMany(protocol => NodePortRules(id.Table, protocol))],
        ChainNames.Hairpin when id.Table == RuleTable.Nat =>
            [.. _hairpins.Keys.Select(static address => new Rule($"-s {InetPrefix.Single(address)} -d {InetPrefix.Single(address)} -j MASQUERADE --random-fully"))],
        ChainNames.Invalid when id.Table == RuleTable.Filter => _node.InvalidRules(_endpointRanges.Keys),
        _ when _chains.TryGetValue(id, out var rules) => rules,
        _ when id.Table == RuleTable.Mangle => null,
        _ when id.Name.StartsWith(ChainNames.Services, StringComparison.Ordinal) => _addressTrees[id.Table].Rules(id.Name),
        _ => PortTree(id) is { IsLarge: true } tree ? tree.Rules(id.Name) : null,
    };

    private DispatchTree? PortTree(ChainId id)
    {
        foreach (var protocol in Enum.GetValues<TransportProtocol>())
        {
            if (id.Name.StartsWith(ChainNames.NodePortsOf(protocol), StringComparison.Ordinal))
            {
                return _portTrees[(id.Table, protocol)];
            }
        }

        return null;
    }

    /// <summary>A few node ports of a protocol stand in KUBE-NODEPORTS; more have a tree.</summary>
    private IReadOnlyList<Rule> NodePortRules(RuleTable table, TransportProtocol protocol)
    {
        var (root, tree) = (ChainNames.NodePortsOf(protocol), _portTrees[(table, protocol)]);
        return tree.IsLarge ? [new($"-p {protocol.ToApiName().ToLowerInvariant()} -g {root}")] : tree.Rules(root)!;
    }

    private void Put(RuleTable table, FrontendKey frontend, ImmutableArray<Rule> rules)
    {
        if (frontend.Address.IsUnspecified)
        {
            Touched.Add(new(table, ChainNames.NodePorts));
            _portTrees[(table, frontend.Protocol)].Put(frontend, rules, Touched);
            return;
        }

        _addressTrees[table].Put(frontend, rules, Touched);
    }

    /// <summary>Counts what service ports share.</summary>
    private void Count(ServiceRules rules, int sign)
    {
        Count(rules.Hairpins, _hairpins, new(RuleTable.Nat, ChainNames.Hairpin), sign);
        Count(rules.EndpointRanges, _endpointRanges, new(RuleTable.Filter, ChainNames.Invalid), sign);
        foreach (var (address, isCluster) in rules.Addresses)
        {
            var uses = _addresses.GetValueOrDefault(address);
            var (cluster, external) = isCluster ? (uses.Cluster + sign, uses.External) : (uses.Cluster, uses.External + sign);
            _addresses[address] = (cluster, external);
            var reject = _family == IPFamily.IPv4 ? "icmp-port-unreachable" : "icmp6-port-unreachable";
            if (cluster + external == 0)
            {
                _addresses.Remove(address);
                _addressTrees[RuleTable.Filter].Put(new(address, default, 0), [], Touched);
                continue;
            }

            var notOwn = cluster > 0 ? "" : "-m addrtype ! --dst-type LOCAL ";
            _addressTrees[RuleTable.Filter].Put(new(address, default, 0), [new($"-d {InetPrefix.Single(address)} {notOwn}-j REJECT --reject-with {reject}")], Touched);
        }
    }

    private void Count<T>(HashSet<T> used, SortedDictionary<T, int> counts, ChainId chain, int sign)
        where T : notnull
    {
        foreach (var thing in used)
        {
            var before = counts.GetValueOrDefault(thing);
            if (before + sign == 0)
            {
                counts.Remove(thing);
            }
            else
            {
                counts[thing] = before + sign;
            }

            if (before == 0 || before + sign == 0)
            {
                Touched.Add(chain);
            }
        }
    }
}
