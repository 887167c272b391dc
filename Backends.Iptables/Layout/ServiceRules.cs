using System.Collections.Immutable;
using System.Globalization;
using ProxyFramework.KernelBackends;

namespace ProxyFramework.Backends.Iptables.Layout;

/// <summary>What a service port adds to the rules of its family. The same input gives the same rules.</summary>
internal sealed class ServiceRules
{
    private const string Reject4 = "-j REJECT --reject-with icmp-port-unreachable";
    private const string Reject6 = "-j REJECT --reject-with icmp6-port-unreachable";

    private static readonly TrafficOrigin[] AllOrigins = Enum.GetValues<TrafficOrigin>();
    private static readonly TrafficPolicy[] AllPolicies = Enum.GetValues<TrafficPolicy>();

    private readonly ServicePort _service;
    private readonly NodeRules _node;
    private readonly string _hash;
    private readonly Dictionary<TrafficPolicy, Origins> _masquerades = [];
    private readonly string _protocol;
    private readonly string _comment;
    private readonly string _reject;

    public ServiceRules(ServicePort service, NodeRules node, SlotTables slots)
    {
        (_service, _node) = (service, node);
        _hash = ChainNames.Hash(service.Key);
        _protocol = service.Protocol.ToApiName().ToLowerInvariant();
        _comment = ChainNames.Comment(service.Key);
        _reject = service.Family == IPFamily.IPv4 ? Reject4 : Reject6;
        var uses = new HashSet<TrafficPolicy>();
        FindMasquerades();
        foreach (var frontend in service.Frontends)
        {
            foreach (var origin in AllOrigins)
            {
                uses.Add(frontend.RouteFrom(origin).Policy);
            }

            AddTranslation(frontend);
            AddRefusal(frontend);
            if (frontend.Kind != FrontendKind.NodePort)
            {
                Addresses.Add((frontend.Address, IsCluster: frontend.Kind == FrontendKind.ClusterIP));
            }
        }

        foreach (var policy in uses.Where(policy => service.GroupFor(policy).Verdict == Verdict.Forward))
        {
            Chains.Add(GroupChain(policy, service.GroupFor(policy), slots));
            foreach (var endpoint in service.GroupFor(policy).Endpoints)
            {
                if (!_node.IsInPodRange(endpoint.Address))
                {
                    EndpointRanges.Add(endpoint.Address.Mask(EndpointRangeLength(endpoint.Address.Family)));
                }


                if (endpoint.IsLocal)
                {
                    Hairpins.Add(endpoint.Address);
                }
            }
        }
    }

    /// <summary>Its own chains.</summary>
    public List<Chain> Chains { get; } = [];

    /// <summary>The rules for each frontend in the nat table.</summary>
    public Dictionary<FrontendKey, ImmutableArray<Rule>> Translations { get; } = [];

    /// <summary>The rules for each frontend in the filter table.</summary>
    public Dictionary<FrontendKey, ImmutableArray<Rule>> Refusals { get; } = [];

    /// <summary>Its addresses, whose other ports are refused.</summary>
    public HashSet<(InetAddress Address, bool IsCluster)> Addresses { get; } = [];

    /// <summary>Endpoints that can be their own client.</summary>
    public HashSet<InetAddress> Hairpins { get; } = [];

    /// <summary>The ranges that its endpoints are in, by their first addresses; those that are known as pods' are left out.</summary>
    public HashSet<InetAddress> EndpointRanges { get; } = [];

    /// <summary>What is another choice of endpoints than the scheduler's, for the operator; null where none is.</summary>
    public string? Notice { get; private set; }

    /// <summary>The prefix length of a range of endpoints: that of the pods of a node, as clusters usually have it.</summary>
    public static int EndpointRangeLength(IPFamily family) => family == IPFamily.IPv4 ? 24 : 64;

    private static Origins Of(TrafficOrigin origin) => origin switch
    {
        TrafficOrigin.Outside => Origins.Outside,
        TrafficOrigin.LocalPod => Origins.LocalPod,
        _ => Origins.Node,
    };

    private static Origins Set(Func<TrafficOrigin, bool> isIn) =>
        (isIn(TrafficOrigin.Outside) ? Origins.Outside : 0) | (isIn(TrafficOrigin.LocalPod) ? Origins.LocalPod : 0) | (isIn(TrafficOrigin.Node) ? Origins.Node : 0);

    /// <summary>The origins that every frontend masquerades on their way to a group: that is done once, in the group's chain.</summary>
    private void FindMasquerades()
    {
        foreach (var policy in AllPolicies)
        {
            bool Everywhere(TrafficOrigin origin)
            {
                var routes = _service.Frontends.Select(frontend => frontend.RouteFrom(origin)).Where(route => route.Policy == policy);
                return routes.Any() && routes.All(static route => route.Masquerade);
            }

            _masquerades[policy] = Set(Everywhere);
        }
    }

    private Rule Own(string text) => new(text, _service.Key);

    private string Match(in Frontend frontend, string source = "", string after = "") => string.Create(
        CultureInfo.InvariantCulture,
        $"{source}{(frontend.Kind == FrontendKind.NodePort ? "" : $"-d {InetPrefix.Single(frontend.Address)} ")}-p {_protocol} -m comment --comment \"{_comment}{after}\" -m {_protocol} --dport {frontend.Port} ");

    private Verdict VerdictFrom(in Frontend frontend, TrafficOrigin origin) => _service.GroupFor(frontend.RouteFrom(origin).Policy).Verdict;

    private string GroupName(TrafficPolicy policy) =>
        (policy == TrafficPolicy.Local ? ChainNames.LocalGroup : ChainNames.ClusterGroup) + _hash;

    private void AddTranslation(Frontend frontend)
    {
        var forwarded = Set(origin => VerdictFrom(frontend, origin) == Verdict.Forward);
        if (forwarded == Origins.None)
        {
            return;
        }

        var key = FrontendKey.Of(_service, frontend);
        var masquerade = forwarded & Set(origin => frontend.RouteFrom(origin).Masquerade);
        if (Set(origin => masquerade.HasFlag(Of(origin)) && !_masquerades[frontend.RouteFrom(origin).Policy].HasFlag(Of(origin))) == Origins.None)
        {
            // The chains that it leads to do all of it.
            masquerade = Origins.None;
        }

        var isUniform = frontend.Outside.Policy == frontend.LocalPod.Policy && frontend.Outside.Policy == frontend.Node.Policy;
        if (!frontend.SourceRanges.IsDefault)
        {
            Translations[key] = [Own($"{Match(frontend)}-j {FirewallChain(frontend, masquerade)}")];
        }
        else if (!isUniform)
        {
            Translations[key] = [Own($"{Match(frontend)}-j {OriginChain(frontend, masquerade)}")];
        }
        else
        {
            var to = Own($"{Match(frontend)}-j {GroupName(frontend.Outside.Policy)}");
            Translations[key] = masquerade == Origins.None ? [to] : [Own($"{Match(frontend)}-j {NodeRules.MasqueradeName(masquerade)}"), to];
        }
    }

    private string FirewallChain(in Frontend frontend, Origins masquerade)
    {
        var inner = OriginChain(frontend, masquerade);
        return Chain(ChainNames.Firewall, [.. frontend.SourceRanges.Where(range => range.Family == _service.Family).Distinct().Select(range => Own(Source(range) + $"-j {inner}"))]);
    }

    private static string Source(InetPrefix range) => range.Length == 0 ? "" : $"-s {range} ";

    /// <summary>The chain that decides by origin.</summary>
    private string OriginChain(in Frontend frontend, Origins masquerade)
    {
        var routes = frontend;
        string Target(TrafficOrigin origin) =>
            "-j " + (VerdictFrom(routes, origin) == Verdict.Forward ? GroupName(routes.RouteFrom(origin).Policy) : "RETURN");
        var outside = Target(TrafficOrigin.Outside);
        var pod = Target(TrafficOrigin.LocalPod);
        var node = Target(TrafficOrigin.Node);
        var rules = ImmutableArray.CreateBuilder<Rule>();
        if (masquerade != Origins.None)
        {
            rules.Add(Own($"-j {NodeRules.MasqueradeName(masquerade)}"));
        }

        if (node != outside || pod != outside)
        {
            rules.Add(Own(NodeRules.NodeMatch + node));
        }

        if (pod != outside)
        {
            rules.AddRange(_node.PodMatches.Select(match => Own(match + pod)));
        }

        rules.Add(Own(outside));
        return Chain(ChainNames.ByOrigin, rules.ToImmutable());
    }

    /// <summary>A chain with these rules: the one that is there, or a new one, the first with kube-proxy's name.</summary>
    private string Chain(string prefix, ImmutableArray<Rule> rules)
    {
        var number = 0;
        foreach (var chain in Chains.Where(chain => chain.Id.Name.StartsWith(prefix, StringComparison.Ordinal)))
        {
            if (chain.Rules.SequenceEqual(rules))
            {
                return chain.Id.Name;
            }

            number++;
        }

        var name = prefix + ChainNames.Hash(_service.Key, number == 0 ? "" : number.ToString(CultureInfo.InvariantCulture));
        Chains.Add(new(new(RuleTable.Nat, name), rules));
        return name;
    }

    private void AddRefusal(Frontend frontend)
    {
        var drops = Set(origin => VerdictFrom(frontend, origin) == Verdict.Drop);
        var rejects = Set(origin => VerdictFrom(frontend, origin) == Verdict.Reject);
        var key = FrontendKey.Of(_service, frontend);
        var drop = Own(Match(frontend, "", drops == Origins.None ? " has source ranges" : " has no local endpoints") + "-j DROP");
        if (!frontend.SourceRanges.IsDefault)
        {
            var allowed = drops == Origins.None && rejects != Origins.None ? frontend.SourceRanges.Where(range => range.Family == _service.Family).Distinct() : [];
            Refusals[key] = [.. allowed.Select(range => Own(Match(frontend, Source(range), " has no endpoints") + _reject)), drop];
        }
        else if (drops != Origins.None && rejects != Origins.None)
        {
            string Target(Origins origin) => drops.HasFlag(origin) ? "-j DROP" : _reject;
            Refusals[key] =
            [
                Own(Match(frontend, "", " has no endpoints") + NodeRules.NodeMatch + Target(Origins.Node)),
                .. _node.PodMatches.Select(match => Own(Match(frontend, match, " has no endpoints") + Target(Origins.LocalPod))),
                Own(Match(frontend, "", " has no endpoints") + Target(Origins.Outside)),
            ];
        }
        else if (drops != Origins.None)
        {
            Refusals[key] = [drop];
        }
        else if (rejects != Origins.None)
        {
            Refusals[key] = [Own(Match(frontend, "", " has no endpoints") + _reject)];
        }
    }

    private Chain GroupChain(TrafficPolicy policy, EndpointGroup group, SlotTables slots)
    {
        var table = slots.For(_service, group);
        if (table.Selector == SlotSelector.SourceHash && table.Slots.Length > Picks.MaxTurns)
        {
            // A rule each: shares that are a little less exact are better than none that last.
            table = slots.For(_service, group, Picks.MaxTurns);
        }

        Notice ??= Picks.Notice(table, _node.CanHash);
        var rules = ImmutableArray.CreateBuilder<Rule>();
        if (_masquerades[policy] is var origins and not Origins.None)
        {
            rules.Add(Own($"-j {NodeRules.MasqueradeName(origins)}"));
        }

        var mask = _service.Family == IPFamily.IPv4 ? "255.255.255.255" : "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
        string List(Endpoint endpoint) => $"--name {ChainNames.EndpointList}{ChainNames.Hash(_service.Key, endpoint.ToString())} --mask {mask} --rsource ";
        string To(Endpoint endpoint) => $"-j DNAT --to-destination {endpoint}";
        if (_service.AffinityTimeoutSeconds > 0)
        {
            rules.AddRange(group.Endpoints.Select(endpoint => Own(string.Create(
                CultureInfo.InvariantCulture,
                $"-p {_protocol} -m recent --update --seconds {_service.AffinityTimeoutSeconds} --reap {List(endpoint)}{To(endpoint)}"))));
        }

        foreach (var (match, endpoint) in Picks.Of(table, _node.CanHash))
        {
            var remember = _service.AffinityTimeoutSeconds > 0 ? $"-m recent --set {List(group.Endpoints[endpoint])}" : "";
            rules.Add(Own($"-p {_protocol} {match}{remember}{To(group.Endpoints[endpoint])}"));
        }

        return new(new(RuleTable.Nat, GroupName(policy)), rules.ToImmutable());
    }
}
