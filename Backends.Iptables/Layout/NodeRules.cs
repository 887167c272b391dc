using System.Collections.Immutable;

namespace ProxyFramework.Backends.Iptables.Layout;

/// <summary>What is the same for all services of a family: the shared chains, and how the origin of a connection is told. Pure.</summary>
internal sealed class NodeRules
{
    private readonly IPFamily _family;
    private readonly NodeState _node;
    private readonly string _mark;
    private readonly bool _dropInvalid;

    public NodeRules(IPFamily family, NodeState node, IptablesSettings settings)
    {
        (_family, _node, _dropInvalid) = (family, node, settings.DropInvalid);
        _mark = $"0x{1u << settings.MasqueradeBit:x}";
        PodMatches = node.LocalPods.Mode switch
        {
            LocalPodDetectionMode.ClusterCidr or LocalPodDetectionMode.NodeCidr =>
                [.. node.LocalPods.Ranges.Where(range => range.Family == family).Select(static range => $"-s {range} ")],
            LocalPodDetectionMode.BridgeInterface => [$"-i {node.LocalPods.InterfaceName} "],
            LocalPodDetectionMode.InterfaceNamePrefix => [$"-i {node.LocalPods.InterfaceName}+ "],
            _ => [],
        };
    }

    /// <summary>Matches connections of the node itself. To be asked before those of pods.</summary>
    public static string NodeMatch => "-m addrtype --src-type LOCAL ";

    /// <summary>The rules of the base chains that lead to ours, each to be the first of its chain.</summary>
    public static ImmutableArray<(ChainId Base, string Rule)> Jumps { get; } =
    [
        (new(RuleTable.Nat, "PREROUTING"), $"-m comment --comment \"kubernetes service portals\" -j {ChainNames.Services}"),
        (new(RuleTable.Nat, "OUTPUT"), $"-m comment --comment \"kubernetes service portals\" -j {ChainNames.Services}"),
        (new(RuleTable.Nat, "POSTROUTING"), $"-m comment --comment \"kubernetes postrouting rules\" -j {ChainNames.PostRouting}"),
        (new(RuleTable.Filter, "FORWARD"), $"-m comment --comment \"kubernetes forwarding rules\" -j {ChainNames.Forward}"),
        (new(RuleTable.Filter, "FORWARD"), $"-m conntrack --ctstate NEW -m comment --comment \"kubernetes service portals\" -j {ChainNames.Services}"),
        (new(RuleTable.Filter, "INPUT"), $"-m conntrack --ctstate NEW -m comment --comment \"kubernetes service portals\" -j {ChainNames.Services}"),
        (new(RuleTable.Filter, "OUTPUT"), $"-m conntrack --ctstate NEW -m comment --comment \"kubernetes service portals\" -j {ChainNames.Services}"),
    ];

    /// <summary>Matches for connections of pods on this node, one of which suffices.</summary>
    public ImmutableArray<string> PodMatches { get; }

    /// <summary>The rules before a KUBE-SERVICES tree: node ports first, for an external IP may be the node's address.</summary>
    public ImmutableArray<Rule> RootRules =>
    [
        .. _node.NodePortAddresses.Where(address => address.Family == _family)
            .Select(static address => new Rule($"-d {InetPrefix.Single(address)} -j {ChainNames.NodePorts}")),
    ];

    /// <summary>The chains.</summary>
    public IEnumerable<Chain> Chains()
    {
        yield return Nat(ChainNames.MarkMasquerade, $"-j MARK --set-xmark {_mark}/{_mark}");
        yield return Nat(
            ChainNames.PostRouting,
            $"-m conntrack --ctstate DNAT -j {ChainNames.Hairpin}",
            $"-m mark ! --mark {_mark}/{_mark} -j RETURN",
            $"-j MARK --set-xmark {_mark}/0x0",
            "-m comment --comment \"kubernetes service traffic requiring SNAT\" -j MASQUERADE --random-fully");
        for (var origins = Origins.Outside; origins < Origins.All; origins++)
        {
            yield return Masquerade(origins);
        }

        string[] forward =
        [
            $"-m comment --comment \"kubernetes forwarding rules\" -m mark --mark {_mark}/{_mark} -j ACCEPT",
            "-m comment --comment \"kubernetes forwarding conntrack rule\" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
        ];
        yield return new(new(RuleTable.Filter, ChainNames.Forward), [.. (_dropInvalid ? ["-m conntrack --ctstate INVALID -j DROP", .. forward] : forward).Select(static text => new Rule(text))]);
    }

    /// <summary>The chain that marks connections of some origins for masquerading, and comes back.</summary>
    public static string MasqueradeName(Origins origins) => origins == Origins.All
        ? ChainNames.MarkMasquerade
        : ChainNames.Masquerade + (origins.HasFlag(Origins.Outside) ? "O" : "") + (origins.HasFlag(Origins.LocalPod) ? "P" : "") + (origins.HasFlag(Origins.Node) ? "N" : "");

    private static Chain Nat(string name, params string[] rules) => new(new(RuleTable.Nat, name), [.. rules.Select(static text => new Rule(text))]);

    private Chain Masquerade(Origins origins)
    {
        string Target(Origins origin) => origins.HasFlag(origin) ? $"-g {ChainNames.MarkMasquerade}" : "-j RETURN";
        return Nat(
            MasqueradeName(origins),
            [NodeMatch + Target(Origins.Node), .. PodMatches.Select(match => match + Target(Origins.LocalPod)), Target(Origins.Outside)]);
    }
}

/// <summary>A set of <see cref="TrafficOrigin"/>.</summary>
[Flags]
internal enum Origins : byte
{
    None = 0,
    Outside = 1,
    LocalPod = 2,
    Node = 4,
    All = 7,
}
