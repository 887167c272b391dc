using System.Collections.Immutable;

namespace ProxyFramework.Backends.Iptables.Layout;

/// <summary>What is the same for all services of a family: the shared chains, and how the origin of a connection is told. Pure.</summary>
internal sealed class NodeRules
{
    private const string InvalidMatch = "-p tcp -m conntrack --ctstate INVALID ";

    private readonly IPFamily _family;
    private readonly NodeState _node;
    private readonly string _mark;
    private readonly bool _dropInvalid;

    /// <param name="family">The family.</param>
    /// <param name="node">The node.</param>
    /// <param name="settings">The settings.</param>
    /// <param name="canHash">Whether the kernel has xt_cluster; asked where a service needs it.</param>
    public NodeRules(IPFamily family, NodeState node, IptablesSettings settings, Func<bool> canHash)
    {
        CanHash = canHash;
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
        (new(RuleTable.Filter, "INPUT"), $"{InvalidMatch}-m comment --comment \"kubernetes packets out of place\" -j {ChainNames.Invalid}"),
        (new(RuleTable.Filter, "FORWARD"), $"-m comment --comment \"kubernetes forwarding rules\" -j {ChainNames.Forward}"),
        (new(RuleTable.Filter, "FORWARD"), $"-m conntrack --ctstate NEW -m comment --comment \"kubernetes service portals\" -j {ChainNames.Services}"),
        (new(RuleTable.Filter, "INPUT"), $"-m conntrack --ctstate NEW -m comment --comment \"kubernetes service portals\" -j {ChainNames.Services}"),
        (new(RuleTable.Filter, "OUTPUT"), $"-m conntrack --ctstate NEW -m comment --comment \"kubernetes service portals\" -j {ChainNames.Services}"),
    ];

    /// <summary>Those of <see cref="Jumps"/> that kube-proxy does not have.</summary>
    public static IEnumerable<(ChainId Base, string Rule)> JumpsOfOursAlone => Jumps.Where(static jump => jump.Base is { Table: RuleTable.Filter, Name: "INPUT" });

    /// <summary>Whether the kernel has xt_cluster.</summary>
    public Func<bool> CanHash { get; }

    /// <summary>
    /// The chain for packets that connection tracking cannot place: those of endpoints are discarded. Passed on they would not be translated
    /// back, and the client would answer them with a reset.
    /// </summary>
    /// <param name="ranges">The ranges of endpoints that are not known as pods', by their first addresses.</param>
    public IReadOnlyList<Rule> InvalidRules(IEnumerable<InetAddress> ranges) => !_dropInvalid
        ? []
        : [.. PodRanges.Select(static range => new Rule($"-s {range} -j DROP")), .. ranges.Select(range => new Rule($"-s {range}/{ServiceRules.EndpointRangeLength(_family)} -j DROP"))];

    /// <summary>Whether an address is known as a pod's.</summary>
    public bool IsInPodRange(InetAddress address) => _node.LocalPods.ContainsAddress(address);

    /// <summary>Matches for connections of pods on this node, one of which suffices.</summary>
    public ImmutableArray<string> PodMatches { get; }

    private IEnumerable<InetPrefix> PodRanges => _node.LocalPods.Ranges.Where(range => range.Family == _family);

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
            $"{InvalidMatch}-j {ChainNames.Invalid}",
            $"-m comment --comment \"kubernetes forwarding rules\" -m mark --mark {_mark}/{_mark} -j ACCEPT",
            "-m comment --comment \"kubernetes forwarding conntrack rule\" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
        ];
        yield return new(new(RuleTable.Filter, ChainNames.Forward), [.. forward.Select(static text => new Rule(text))]);
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
