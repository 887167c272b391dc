using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using ProxyFramework.Backends.Iptables.Layout;

namespace ProxyFramework.Backends.Iptables.Programs;

/// <summary>
/// The input of one iptables-restore, and which service port each of its lines is for. The program is started with the first line and
/// reads while the rest is made.
/// </summary>
/// <param name="start">Starts the program.</param>
internal sealed partial class RestoreFeed(Func<RunningProgram> start) : IDisposable
{
    /// <summary>How many characters are gathered before the program gets them.</summary>
    private const int Portion = 1 << 15;

    private readonly StringBuilder _text = new();
    private readonly List<ServicePortKey?> _owners = [];
    private RunningProgram? _program;
    private RuleTable? _table;

    /// <summary>How many lines it has.</summary>
    public int Lines => _owners.Count;

    /// <summary>How many tables it commits.</summary>
    public int Commits { get; private set; }

    /// <summary>Creates or empties chains, and fills them.</summary>
    public void Write(RuleTable table, IReadOnlyCollection<(string Name, IReadOnlyList<Rule> Rules)> chains)
    {
        foreach (var (name, _) in chains)
        {
            Declare(table, name);
        }

        foreach (var (name, rules) in chains)
        {
            foreach (var rule in rules)
            {
                _text.Append("-A ").Append(name).Append(' ');
                Line(rule.Text, rule.Owner);
            }
        }
    }

    /// <summary>Removes chains, after other rules that lead to them; and inserts others, each to be the first of its chain.</summary>
    public void Finish(
        RuleTable table,
        IReadOnlyCollection<string> delete,
        IReadOnlyCollection<(string Chain, string Rule)> insert,
        IReadOnlyCollection<(string Chain, string Rule)> remove)
    {
        foreach (var name in delete)
        {
            Declare(table, name);
        }

        foreach (var (chain, rule) in insert.Reverse())
        {
            Begin(table);
            Line($"-I {chain} {rule}");
        }

        foreach (var (chain, rule) in remove)
        {
            Begin(table);
            Line($"-D {chain} {rule}");
        }

        foreach (var name in delete)
        {
            Line($"-X {name}");
        }

        if (_table is not null)
        {
            Line("COMMIT");
            Commits++;
            _table = null;
        }
    }

    /// <summary>Hands over the last lines.</summary>
    /// <returns>How the program ended; a success where there was nothing to do, and it was not started.</returns>
    public ProgramResult End()
    {
        if (Lines == 0)
        {
            return default;
        }

        Send();
        return _program!.Finish();
    }

    /// <summary>The service port that a complaint is about; null where it is about none, or does not say.</summary>
    public ServicePortKey? Blame(string error)
    {
        var line = LineNumber().Match(error);
        return line.Success && int.TryParse(line.Groups[1].Value, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= 1 && number <= _owners.Count
            ? _owners[number - 1]
            : null;
    }

    /// <summary>Ends the program where it is still at work, without an effect on the table that it is at.</summary>
    public void Dispose() => _program?.Dispose();

    private void Declare(RuleTable table, string chain)
    {
        Begin(table);
        Line($":{chain} - [0:0]");
    }

    private void Begin(RuleTable table)
    {
        if (_table is null)
        {
            _table = table;
            Line($"*{Iptables.TableName(table)}");
        }
    }

    private void Line(string text, ServicePortKey? owner = null)
    {
        _text.Append(text).Append('\n');
        _owners.Add(owner);
        if (_text.Length >= Portion)
        {
            Send();
        }
    }

    private void Send()
    {
        _program ??= start();
        foreach (var chunk in _text.GetChunks())
        {
            _program.Write(chunk.Span);
        }

        _text.Clear();
    }

    [GeneratedRegex(@"line:? (\d+)")]
    private static partial Regex LineNumber();
}
