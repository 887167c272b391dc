using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using ProxyFramework.Backends.Iptables.Layout;

namespace ProxyFramework.Backends.Iptables.Programs;

/// <summary>The input of one iptables-restore, and which service port each of its lines is for.</summary>
internal sealed partial class RestoreFeed
{
    private readonly StringBuilder _text = new();
    private readonly List<ServicePortKey?> _owners = [];

    public bool IsEmpty => _owners.Count == 0;

    public string Text => _text.ToString();

    /// <summary>How many lines it has.</summary>
    public int Lines => _owners.Count;

    /// <summary>
    /// Adds what is to be done in one table: chains are created or emptied, filled, and only then others lose what led to
    /// them, and go.
    /// </summary>
    public void Add(
        RuleTable table,
        IReadOnlyCollection<(string Name, IReadOnlyList<Rule> Rules)> write,
        IReadOnlyCollection<string> delete,
        IReadOnlyCollection<(string Chain, string Rule)> insert,
        IReadOnlyCollection<(string Chain, string Rule)> remove)
    {
        if (write.Count + delete.Count + insert.Count + remove.Count == 0)
        {
            return;
        }

        Line($"*{Iptables.TableName(table)}");
        foreach (var name in write.Select(static chain => chain.Name).Concat(delete))
        {
            Line($":{name} - [0:0]");
        }

        foreach (var (name, rules) in write)
        {
            foreach (var rule in rules)
            {
                Line($"-A {name} {rule.Text}", rule.Owner);
            }
        }

        foreach (var (chain, rule) in insert.Reverse())
        {
            Line($"-I {chain} {rule}");
        }

        foreach (var (chain, rule) in remove)
        {
            Line($"-D {chain} {rule}");
        }

        foreach (var name in delete)
        {
            Line($"-X {name}");
        }

        Line("COMMIT");
    }

    /// <summary>The service port that a complaint is about; null where it is about none, or does not say.</summary>
    public ServicePortKey? Blame(string error)
    {
        var line = LineNumber().Match(error);
        return line.Success && int.TryParse(line.Groups[1].Value, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= 1 && number <= _owners.Count
            ? _owners[number - 1]
            : null;
    }

    private void Line(string text, ServicePortKey? owner = null)
    {
        _text.Append(text).Append('\n');
        _owners.Add(owner);
    }

    [GeneratedRegex(@"line:? (\d+)")]
    private static partial Regex LineNumber();
}
