using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace ProxyFramework.Testing;

/// <summary>A service port for <see cref="KubeProxyRules"/>, in the words of the rules.</summary>
/// <param name="Name"><c>namespace/name:port</c>.</param>
/// <param name="Address">The cluster IP.</param>
/// <param name="Port">Its port.</param>
/// <param name="Endpoints"><c>address:port</c> each, with brackets for IPv6.</param>
public sealed record KubeProxyService(string Name, string Address, int Port, IReadOnlyList<string> Endpoints)
{
    /// <summary><c>tcp</c>, <c>udp</c> or <c>sctp</c>.</summary>
    public string Protocol { get; init; } = "tcp";

    /// <summary>Its node port; 0 for none.</summary>
    public int NodePort { get; init; }

    /// <summary>For how many seconds a client stays with an endpoint; 0 for none.</summary>
    public int AffinitySeconds { get; init; }
}

/// <summary>
/// The input of <c>iptables-restore --noflush --counters</c> in the structure that kube-proxy's iptables mode has had since 1.28: all rules of
/// KUBE-SERVICES each time, a chain a service, a chain an endpoint. For comparison with it, and for taking over from it and handing back.
/// </summary>
public sealed class KubeProxyRules
{
    private const string Mark = "0x4000";

    private static readonly string[] ServiceChains = ["KUBE-SVC-", "KUBE-SVL-", "KUBE-EXT-", "KUBE-FW-", "KUBE-SEP-", "KUBE-XLB-"];
    private static readonly string[] NatChains = ["KUBE-SERVICES", "KUBE-NODEPORTS", "KUBE-POSTROUTING", "KUBE-MARK-MASQ"];
    private static readonly string[] FilterChains = ["KUBE-SERVICES", "KUBE-EXTERNAL-SERVICES", "KUBE-FORWARD", "KUBE-NODEPORTS", "KUBE-PROXY-FIREWALL"];

    /// <summary>The pods' range: who is not in it is masqueraded.</summary>
    public string PodRange { get; init; } = "100.64.0.0/10";

    /// <summary>The rules that lead to its chains, which it ensures once, before all others: table, chain, rule.</summary>
    public static IReadOnlyList<(string Table, string Chain, string[] Rule)> Jumps { get; } =
    [
        ("filter", "INPUT", ["-m", "conntrack", "--ctstate", "NEW", "-m", "comment", "--comment", "kubernetes load balancer firewall", "-j", "KUBE-PROXY-FIREWALL"]),
        ("filter", "OUTPUT", ["-m", "conntrack", "--ctstate", "NEW", "-m", "comment", "--comment", "kubernetes load balancer firewall", "-j", "KUBE-PROXY-FIREWALL"]),
        ("filter", "FORWARD", ["-m", "conntrack", "--ctstate", "NEW", "-m", "comment", "--comment", "kubernetes load balancer firewall", "-j", "KUBE-PROXY-FIREWALL"]),
        ("filter", "INPUT", ["-m", "conntrack", "--ctstate", "NEW", "-m", "comment", "--comment", "kubernetes externally-visible service portals", "-j", "KUBE-EXTERNAL-SERVICES"]),
        ("filter", "FORWARD", ["-m", "conntrack", "--ctstate", "NEW", "-m", "comment", "--comment", "kubernetes externally-visible service portals", "-j", "KUBE-EXTERNAL-SERVICES"]),
        ("filter", "INPUT", ["-m", "comment", "--comment", "kubernetes health check service ports", "-j", "KUBE-NODEPORTS"]),
        ("filter", "FORWARD", ["-m", "conntrack", "--ctstate", "NEW", "-m", "comment", "--comment", "kubernetes service portals", "-j", "KUBE-SERVICES"]),
        ("filter", "OUTPUT", ["-m", "conntrack", "--ctstate", "NEW", "-m", "comment", "--comment", "kubernetes service portals", "-j", "KUBE-SERVICES"]),
        ("filter", "FORWARD", ["-m", "comment", "--comment", "kubernetes forwarding rules", "-j", "KUBE-FORWARD"]),
        ("nat", "OUTPUT", ["-m", "comment", "--comment", "kubernetes service portals", "-j", "KUBE-SERVICES"]),
        ("nat", "PREROUTING", ["-m", "comment", "--comment", "kubernetes service portals", "-j", "KUBE-SERVICES"]),
        ("nat", "POSTROUTING", ["-m", "comment", "--comment", "kubernetes postrouting rules", "-j", "KUBE-POSTROUTING"]),
    ];

    /// <summary>The input for all services.</summary>
    /// <param name="services">The services.</param>
    /// <param name="existing">The nat chains that are there: those for services that are not in use any more are deleted.</param>
    public string Full(IEnumerable<KubeProxyService> services, IEnumerable<string>? existing = null) => Write([.. services], static _ => true, existing ?? []);

    /// <summary>The input after one service changed: the chains of that one, and KUBE-SERVICES whole.</summary>
    /// <param name="services">All services, as they are now.</param>
    /// <param name="changed">The one that changed, as it is now.</param>
    /// <param name="before">As it was.</param>
    public string Partial(IEnumerable<KubeProxyService> services, KubeProxyService changed, KubeProxyService before)
    {
        ArgumentNullException.ThrowIfNull(changed);
        ArgumentNullException.ThrowIfNull(before);
        return Write([.. services], service => service.Name == changed.Name, before.Endpoints.Select(endpoint => EndpointChain(before, endpoint)));
    }

    /// <summary>The input after one service changed, without what has not: the least that the structure allows.</summary>
    public static string Chains(KubeProxyService changed, KubeProxyService before, string podRange)
    {
        ArgumentNullException.ThrowIfNull(changed);
        ArgumentNullException.ThrowIfNull(before);
        var rules = new KubeProxyRules { PodRange = podRange };
        var (chains, lines, active) = (new StringBuilder(), new StringBuilder(), new HashSet<string>());
        rules.Add(changed, chains, lines, active);
        Delete(before.Endpoints.Select(endpoint => EndpointChain(before, endpoint)), active, chains, lines);
        return $"*nat\n{chains}{lines}COMMIT\n";
    }

    private static string EndpointChain(KubeProxyService service, string endpoint) => "KUBE-SEP-" + Hash(service.Name + service.Protocol + endpoint);

    private static string Hash(string text)
    {
        const string Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        var bits = string.Concat(SHA256.HashData(Encoding.UTF8.GetBytes(text)).Take(10).Select(static value => value.ToString("b8", CultureInfo.InvariantCulture)));
        return string.Concat(bits.Chunk(5).Select(static five => Alphabet[Convert.ToInt32(new string(five), 2)]));
    }

    private static void Line(StringBuilder text, FormattableString line) => text.Append(FormattableString.Invariant(line)).Append('\n');

    private static void Delete(IEnumerable<string> existing, HashSet<string> active, StringBuilder chains, StringBuilder lines)
    {
        foreach (var chain in existing.Where(chain => !active.Contains(chain) && ServiceChains.Any(prefix => chain.StartsWith(prefix, StringComparison.Ordinal))))
        {
            Line(chains, $":{chain} - [0:0]");
            Line(lines, $"-X {chain}");
        }
    }

    private string Write(IReadOnlyList<KubeProxyService> services, Func<KubeProxyService, bool> isWritten, IEnumerable<string> existing)
    {
        var (filter, nat, rules) = (new StringBuilder("*filter\n"), new StringBuilder("*nat\n"), new StringBuilder());
        Array.ForEach(FilterChains, chain => Line(filter, $":{chain} - [0:0]"));
        Array.ForEach(NatChains, chain => Line(nat, $":{chain} - [0:0]"));
        Line(rules, $"-A KUBE-POSTROUTING -m mark ! --mark {Mark}/{Mark} -j RETURN");
        Line(rules, $"-A KUBE-POSTROUTING -j MARK --xor-mark {Mark}");
        Line(rules, $"-A KUBE-POSTROUTING -m comment --comment \"kubernetes service traffic requiring SNAT\" -j MASQUERADE --random-fully");
        Line(rules, $"-A KUBE-MARK-MASQ -j MARK --or-mark {Mark}");
        var active = new HashSet<string>();
        foreach (var service in services)
        {
            Dispatch(service, filter, rules);
            if (isWritten(service))
            {
                Add(service, nat, rules, active);
            }
        }

        Line(rules, $"-A KUBE-SERVICES -m comment --comment \"kubernetes service nodeports; NOTE: this must be the last rule in this chain\" -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS");
        Line(filter, $"-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP");
        Line(filter, $"-A KUBE-FORWARD -m comment --comment \"kubernetes forwarding rules\" -m mark --mark {Mark}/{Mark} -j ACCEPT");
        Line(filter, $"-A KUBE-FORWARD -m comment --comment \"kubernetes forwarding conntrack rule\" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT");
        Delete(existing, active, nat, rules);
        return $"{filter}COMMIT\n{nat}{rules}COMMIT\n";
    }

    /// <summary>The rules in the chains that all services share.</summary>
    private static void Dispatch(KubeProxyService service, StringBuilder filter, StringBuilder nat)
    {
        var hash = Hash(service.Name + service.Protocol);
        var match = $"-m {service.Protocol} -p {service.Protocol}";
        if (service.Endpoints.Count == 0)
        {
            Line(filter, $"-A KUBE-SERVICES -m comment --comment \"{service.Name} has no endpoints\" {match} -d {service.Address} --dport {service.Port} -j REJECT");
            return;
        }

        Line(nat, $"-A KUBE-SERVICES -m comment --comment \"{service.Name} cluster IP\" {match} -d {service.Address} --dport {service.Port} -j KUBE-SVC-{hash}");
        if (service.NodePort != 0)
        {
            Line(nat, $"-A KUBE-NODEPORTS -m comment --comment {service.Name} {match} --dport {service.NodePort} -j KUBE-EXT-{hash}");
        }
    }

    /// <summary>The chains of a service.</summary>
    private void Add(KubeProxyService service, StringBuilder chains, StringBuilder rules, HashSet<string> active)
    {
        if (service.Endpoints.Count == 0)
        {
            return;
        }

        void Declare(string chain)
        {
            active.Add(chain);
            Line(chains, $":{chain} - [0:0]");
        }

        var hash = Hash(service.Name + service.Protocol);
        var match = $"-m {service.Protocol} -p {service.Protocol}";
        Declare($"KUBE-SVC-{hash}");
        Line(rules, $"-A KUBE-SVC-{hash} -m comment --comment \"{service.Name} cluster IP\" {match} -d {service.Address} --dport {service.Port} ! -s {PodRange} -j KUBE-MARK-MASQ");
        if (service.NodePort != 0)
        {
            Declare($"KUBE-EXT-{hash}");
            Line(rules, $"-A KUBE-EXT-{hash} -m comment --comment \"masquerade traffic for {service.Name} external destinations\" -j KUBE-MARK-MASQ");
            Line(rules, $"-A KUBE-EXT-{hash} -j KUBE-SVC-{hash}");
        }

        if (service.AffinitySeconds > 0)
        {
            foreach (var endpoint in service.Endpoints)
            {
                var chain = EndpointChain(service, endpoint);
                Line(rules, $"-A KUBE-SVC-{hash} -m comment --comment \"{service.Name} -> {endpoint}\" -m recent --name {chain} --rcheck --seconds {service.AffinitySeconds} --reap -j {chain}");
            }
        }

        for (var i = 0; i < service.Endpoints.Count; i++)
        {
            var left = service.Endpoints.Count - i;
            var chance = left == 1 ? "" : FormattableString.Invariant($"-m statistic --mode random --probability {1.0 / left:0.0000000000} ");
            Line(rules, $"-A KUBE-SVC-{hash} -m comment --comment \"{service.Name} -> {service.Endpoints[i]}\" {chance}-j {EndpointChain(service, service.Endpoints[i])}");
        }

        foreach (var endpoint in service.Endpoints)
        {
            var chain = EndpointChain(service, endpoint);
            Declare(chain);
            Line(rules, $"-A {chain} -m comment --comment {service.Name} -s {endpoint[..endpoint.LastIndexOf(':')].Trim('[', ']')} -j KUBE-MARK-MASQ");
            var remember = service.AffinitySeconds > 0 ? $"-m recent --name {chain} --set " : "";
            Line(rules, $"-A {chain} -m comment --comment {service.Name} {remember}{match} -j DNAT --to-destination {endpoint}");
        }
    }
}
