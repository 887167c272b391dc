using System.Collections.Immutable;
using ProxyFramework.Backends.Iptables.Layout;
using ProxyFramework.Backends.Iptables.Programs;
using ProxyFramework.KernelBackends;

namespace ProxyFramework.Backends.Iptables;

/// <summary>
/// What is in force in one IP family, and how it gets from there to what is wanted. What is there is read only when it is adopted;
/// after that, what was written is known.
/// </summary>
internal sealed class FamilyRules(IPFamily family, Programs.Iptables programs, IptablesSettings settings, SlotTables slots)
{
    /// <summary>The most calls for one change set: where more than a few service ports are refused one by one, the reason is elsewhere.</summary>
    private const int MaxCalls = 64;

    private static readonly RuleTable[] Tables = [RuleTable.Nat, RuleTable.Filter];

    private readonly Dictionary<ServicePortKey, ServicePort> _inForce = [];
    private Dictionary<ChainId, string> _written = [];
    private ImmutableArray<(ChainId Chain, string Rule)> _missingJumps = [];
    private ImmutableArray<(ChainId Chain, string Rule)> _staleJumps = [];
    private Ruleset? _rules;
    private int _calls;

    public IPFamily Family => family;

    /// <summary>The service ports in force, as they are.</summary>
    public IReadOnlyDictionary<ServicePortKey, ServicePort> InForce => _inForce;

    /// <summary>How many times iptables-restore was called.</summary>
    public long Restores { get; private set; }

    /// <summary>How many lines it was fed.</summary>
    public long Lines { get; private set; }

    /// <summary>How many times it refused.</summary>
    public long Refusals { get; private set; }

    /// <summary>Whether a service port asks for a choice by hash.</summary>
    public bool WantsHash(ServicePortKey key) => _rules?.WantsHash(key) == true;

    /// <summary>Compares what is there with what is wanted, and writes the difference.</summary>
    /// <returns>The UDP frontends that were there and are nobody's now.</returns>
    public IReadOnlyList<FrontendKey> Adopt(IEnumerable<ServicePort> wanted, NodeState node, ChangeReport report, CancellationToken cancellationToken)
    {
        var saved = SavedRules.Parse(programs.Save());
        _written = saved.Chains;
        _missingJumps = [.. NodeRules.Jumps.Where(jump => !saved.Jumps.Contains(jump))];

        // One of each of ours; what else leads to our chains is kube-proxy's, or a second one.
        _staleJumps = [.. saved.Jumps.Where(static jump => !NodeRules.Jumps.Contains(jump)), .. saved.Jumps.GroupBy(static jump => jump).SelectMany(static same => same.Skip(1))];
        _rules = new Ruleset(family, node, settings, slots);
        _rules.Touched.UnionWith(_written.Keys);
        _inForce.Clear();
        Apply(wanted.Select(static service => new ServicePortChange(null, service)), report, cancellationToken);
        return [.. saved.UdpFrontends(family).Where(frontend => !_rules.Has(frontend))];
    }

    /// <summary>Changes the node: what is written is known, and what of it differs is written anew.</summary>
    public void ChangeNode(NodeState node)
    {
        var rules = new Ruleset(family, node, settings, slots);
        foreach (var service in _inForce.Values)
        {
            rules.Put(service.Key, service);
        }

        rules.Touched.UnionWith(_written.Keys);
        _rules = rules;
    }

    /// <summary>Makes changes.</summary>
    /// <exception cref="BackendException">iptables-restore failed for a reason that is no service port's.</exception>
    public void Apply(IEnumerable<ServicePortChange> changes, ChangeReport report, CancellationToken cancellationToken)
    {
        var pending = new Dictionary<ServicePortKey, ServicePortChange>();
        foreach (var change in changes)
        {
            try
            {
                _rules!.Put(change.Key, change.After);
                pending[change.Key] = change;
            }
            catch (Exception error) when (error is not OutOfMemoryException)
            {
                // A scheduler is a plugin.
                report.Failed(change.Key, $"scheduler '{change.After?.Scheduler}': {error.Message}");
            }
        }

        _calls = 0;
        Write(pending, report, cancellationToken);
    }

    /// <summary>The first of our jumps that is gone; null where all are there.</summary>
    public string? FindMissingJump()
    {
        foreach (var (chain, rule) in NodeRules.Jumps.Where(static jump => jump.Base.Name is "PREROUTING" or "INPUT"))
        {
            if (!programs.Has(chain, rule))
            {
                return $"the rule of {Programs.Iptables.TableName(chain.Table)} {chain.Name} that leads to {ChainNames.Services} ({family})";
            }
        }

        return null;
    }

    /// <summary>Removes our chains and what leads to them, of these programs' flavour.</summary>
    public static void Clean(Programs.Iptables programs)
    {
        var saved = SavedRules.Parse(programs.Save());
        var feed = new RestoreFeed();
        foreach (var table in Tables)
        {
            feed.Add(
                table,
                [],
                [.. saved.Chains.Keys.Where(chain => chain.Table == table).Select(static chain => chain.Name)],
                [],
                [.. saved.Jumps.Where(jump => jump.Chain.Table == table).Select(static jump => (jump.Chain.Name, jump.Rule))]);
        }

        if (!feed.IsEmpty && programs.Restore(feed.Text, default) is { ExitCode: not 0 } result)
        {
            throw new BackendException($"iptables-restore: {result.Error.Trim()}");
        }

        if (programs.Flavour == "nft")
        {
            // Its base chains come with their first rule, and would stay, empty. Where one cannot go, it is not ours alone.
            foreach (var chain in saved.Jumps.Select(static jump => jump.Chain).Distinct().Where(chain => !saved.Busy.Contains(chain)))
            {
                programs.Restore($"*{Programs.Iptables.TableName(chain.Table)}\n-X {chain.Name}\nCOMMIT\n", default);
            }
        }
    }

    private void Write(Dictionary<ServicePortKey, ServicePortChange> pending, ChangeReport report, CancellationToken cancellationToken)
    {
        while (true)
        {
            var (feed, contents) = Feed();
            var result = default(ProgramResult);
            if (!feed.IsEmpty)
            {
                Restores++;
                Lines += feed.Lines;
                result = programs.Restore(feed.Text, cancellationToken);
            }

            if (result.ExitCode == 0)
            {
                Written(contents, pending, report);
                return;
            }

            Refusals++;
            var reason = string.Join(" ", result.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(static line => !line.StartsWith('#') && !line.StartsWith("Try ", StringComparison.Ordinal)));

            // 4 is a resource problem: the lock, or memory (xtables.h).
            if (++_calls >= MaxCalls || result.ExitCode == 4 || pending.Count == 0)
            {
                throw new BackendException($"iptables-restore ({programs.Flavour}, {family}): {reason}");
            }

            if (feed.Blame(result.Error) is { } blamed && pending.Remove(blamed))
            {
                Undo(blamed);
                report.Failed(blamed, reason);
            }
            else if (pending.Count == 1)
            {
                var only = pending.Keys.First();
                pending.Clear();
                Undo(only);
                report.Failed(only, reason);
            }
            else
            {
                // It does not say where: one half, then the other.
                var second = pending.Skip(pending.Count / 2).ToDictionary();
                foreach (var key in second.Keys)
                {
                    pending.Remove(key);
                    Undo(key);
                }

                Write(pending, report, cancellationToken);
                foreach (var change in second.Values)
                {
                    _rules!.Put(change.Key, change.After);
                }

                pending = second;
            }
        }
    }

    private void Undo(ServicePortKey key) => _rules!.Put(key, _inForce.GetValueOrDefault(key));

    private void Written(Dictionary<ChainId, string?> contents, Dictionary<ServicePortKey, ServicePortChange> pending, ChangeReport report)
    {
        foreach (var (chain, content) in contents)
        {
            if (content is null)
            {
                _written.Remove(chain);
            }
            else
            {
                _written[chain] = content;
            }
        }

        _rules!.Touched.Clear();
        _missingJumps = _staleJumps = [];
        foreach (var change in pending.Values)
        {
            if (change.After is { } after)
            {
                _inForce[change.Key] = after;
            }
            else
            {
                _inForce.Remove(change.Key);
            }

            report.InForce(change);
        }
    }

    /// <summary>What has to be written, and what the chains concerned then hold.</summary>
    private (RestoreFeed Feed, Dictionary<ChainId, string?> Contents) Feed()
    {
        var feed = new RestoreFeed();
        var contents = new Dictionary<ChainId, string?>();
        foreach (var table in Tables)
        {
            var write = new List<(string, IReadOnlyList<Rule>)>();
            var delete = new List<string>();
            foreach (var chain in _rules!.Touched.Where(chain => chain.Table == table))
            {
                var rules = _rules.Rules(chain);
                var content = rules is null ? null : string.Join('\n', rules.Select(static rule => rule.Text));
                if (content == _written.GetValueOrDefault(chain))
                {
                    continue;
                }

                contents[chain] = content;
                if (rules is null)
                {
                    delete.Add(chain.Name);
                }
                else
                {
                    write.Add((chain.Name, rules));
                }
            }

            feed.Add(
                table, write, delete,
                [.. _missingJumps.Where(jump => jump.Chain.Table == table).Select(static jump => (jump.Chain.Name, jump.Rule))],
                [.. _staleJumps.Where(jump => jump.Chain.Table == table).Select(static jump => (jump.Chain.Name, jump.Rule))]);
        }

        return (feed, contents);
    }
}
