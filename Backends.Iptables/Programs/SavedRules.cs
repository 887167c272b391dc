using System.Globalization;
using System.Text.RegularExpressions;
using ProxyFramework.Backends.Iptables.Layout;
using ProxyFramework.KernelBackends;

namespace ProxyFramework.Backends.Iptables.Programs;

/// <summary>What iptables-save printed: our chains, and the rules of others that lead to them.</summary>
internal sealed partial class SavedRules
{
    private SavedRules()
    {
    }

    /// <summary>Our chains with their rules, a line each.</summary>
    public Dictionary<ChainId, string> Chains { get; } = [];

    /// <summary>The rules elsewhere that jump or go to our chains.</summary>
    public List<(ChainId Chain, string Rule)> Jumps { get; } = [];

    /// <summary>Chains of others that do something of their own.</summary>
    public HashSet<ChainId> Busy { get; } = [];

    /// <summary>Reads it. Tables that this mode does not write to are passed over.</summary>
    public static SavedRules Parse(string text)
    {
        var saved = new SavedRules();
        var rules = new Dictionary<ChainId, List<string>>();
        RuleTable? table = null;
        foreach (var line in text.Split('\n'))
        {
            if (line.StartsWith('*'))
            {
                table = line switch { "*nat" => RuleTable.Nat, "*filter" => RuleTable.Filter, _ => null };
            }
            else if (table is { } current && line.StartsWith(':'))
            {
                var name = line[1..line.IndexOf(' ', StringComparison.Ordinal)];
                if (ChainNames.IsOurs(name))
                {
                    rules[new(current, name)] = [];
                }
                else if (!line.Contains(" ACCEPT ", StringComparison.Ordinal))
                {
                    saved.Busy.Add(new(current, name));
                }
            }
            else if (table is { } within && line.StartsWith("-A ", StringComparison.Ordinal))
            {
                var end = line.IndexOf(' ', 3);
                var chain = new ChainId(within, end < 0 ? line[3..] : line[3..end]);
                var rule = end < 0 ? "" : line[(end + 1)..];
                if (rules.TryGetValue(chain, out var ours))
                {
                    ours.Add(rule);
                }
                else if (Target().Match(rule) is { Success: true } target && ChainNames.IsOurs(target.Groups[1].Value))
                {
                    saved.Jumps.Add((chain, rule));
                }
                else
                {
                    saved.Busy.Add(chain);
                }
            }
        }

        foreach (var (chain, lines) in rules)
        {
            saved.Chains[chain] = string.Join('\n', lines);
        }

        return saved;
    }

    /// <summary>The UDP frontends that these rules serve.</summary>
    public IEnumerable<FrontendKey> UdpFrontends(IPFamily family) => Chains
        .Where(static chain => chain.Key.Name.StartsWith(ChainNames.Services, StringComparison.Ordinal) || chain.Key.Name == ChainNames.NodePorts)
        .SelectMany(static chain => UdpFrontend().Matches(chain.Value))
        .Select(match => new FrontendKey(
            match.Groups[1].Success ? InetAddress.Parse(match.Groups[1].Value) : InetAddress.Any(family),
            TransportProtocol.Udp,
            ushort.Parse(match.Groups[2].Value, CultureInfo.InvariantCulture)));

    [GeneratedRegex(@"(?:^| )-[jg] (\S+)")]
    private static partial Regex Target();

    [GeneratedRegex(@"^(?:-d (\S+)/(?:32|128) )?-p udp .*--dport (\d+) ", RegexOptions.Multiline)]
    private static partial Regex UdpFrontend();
}
