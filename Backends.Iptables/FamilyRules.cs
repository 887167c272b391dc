using System.Collections.Immutable;
using ProxyFramework.Backends.Iptables.Layout;
using ProxyFramework.Backends.Iptables.Programs;
using ProxyFramework.KernelBackends;

namespace ProxyFramework.Backends.Iptables;

/// <summary>
/// What is in force in one IP family, and how it gets from there to what is wanted. What is there is read only when it is adopted;
/// after that, what was written is known.
/// </summary>
internal sealed class FamilyRules(IPFamily family, Programs.Iptables programs, IptablesSettings settings, SlotTables slots, TableStamp stamp, bool hasDefaultScheduler = false)
{
    /// <summary>The most calls for one change set: where more than a few service ports are refused one by one, the reason is elsewhere.</summary>
    private const int MaxCalls = 64;

    private static readonly RuleTable[] Tables = Enum.GetValues<RuleTable>();

    private readonly Dictionary<ServicePortKey, ServicePort> _inForce = [];
    private Dictionary<ChainId, IReadOnlyList<Rule>> _written = [];
    private ImmutableArray<(ChainId Chain, string Rule)> _missingJumps = [];
    private ImmutableArray<(ChainId Chain, string Rule)> _staleJumps = [];
    private Ruleset? _rules;
    private bool? _canHash;
    private UInt128 _before;
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

    /// <summary>What a service port's choice of endpoints is instead of its scheduler's; null where it is that.</summary>
    public string? NoticeFor(ServicePortKey key) => _rules?.NoticeFor(key);

    /// <summary>Compares what is there with what is wanted, and writes the difference.</summary>
    /// <returns>The UDP frontends that were there and are nobody's now.</returns>
    public IReadOnlyList<FrontendKey> Adopt(IEnumerable<ServicePort> wanted, NodeState node, ChangeReport report, CancellationToken cancellationToken)
    {
        stamp.Know(family, _before = stamp.Read(family));
        var saved = SavedRules.Parse(programs.Save());
        _written = saved.Chains;
        _missingJumps = [.. NodeRules.Jumps.Where(jump => !saved.Jumps.Contains(jump))];

        // One of each of ours; what else leads to our chains is kube-proxy's, or a second one.
        _staleJumps = [.. saved.Jumps.Where(static jump => !NodeRules.Jumps.Contains(jump)), .. saved.Jumps.GroupBy(static jump => jump).SelectMany(static same => same.Skip(1))];
        _rules = new Ruleset(family, node, settings, slots, CanHash);
        _rules.Touched.UnionWith(_written.Keys);
        _inForce.Clear();
        var services = wanted as IReadOnlyCollection<ServicePort> ?? [.. wanted];
        if (hasDefaultScheduler || services.Any(static service => service.Scheduler is not null))
        {
            // Asked now: once the program is at work, it has the lock.
            CanHash();
        }

        using var feed = new RestoreFeed(() => programs.BeginRestore(cancellationToken));
        var contents = new Dictionary<ChainId, IReadOnlyList<Rule>?>();
        AddEarly(_rules.MasqueradeChains, feed, contents);
        var pending = Put(services.Select(static service => new ServicePortChange(null, service)), report, key => AddEarly(_rules.ChainsOf(key), feed, contents));
        _calls = 0;
        Write(pending, report, feed, contents, cancellationToken);
        return saved.UdpFrontends(family) is { Count: > 0 } former ? [.. former.Except(_rules.Frontends())] : [];
    }

    /// <summary>Changes the node: what is written is known, and what of it differs is written anew.</summary>
    public void ChangeNode(NodeState node)
    {
        var rules = new Ruleset(family, node, settings, slots, CanHash);
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
        _before = stamp.Read(family);
        var pending = Put(changes, report);
        _calls = 0;
        Write(pending, report, cancellationToken);
    }

    /// <summary>What others have changed since this wrote last; null where nothing. Reads the rules only where someone changed any.</summary>
    public string? FindDrift()
    {
        var now = stamp.Read(family);
        if (stamp.IsKnown(family, now))
        {
            return null;
        }

        var saved = SavedRules.Parse(programs.Save());
        var missing = NodeRules.Jumps.FirstOrDefault(jump => !saved.Jumps.Contains(jump));
        if (missing.Rule is not null)
        {
            return $"a rule of {Programs.Iptables.TableName(missing.Base.Table)} {missing.Base.Name} is gone ({family})";
        }

        foreach (var (chain, rules) in _written)
        {
            if (!saved.Chains.TryGetValue(chain, out var found) || !AreSame(rules, found))
            {
                return $"{Programs.Iptables.TableName(chain.Table)} {chain.Name} is {(found is null ? "gone" : "another")} ({family})";
            }
        }

        stamp.Know(family, now);
        return null;
    }

    /// <summary>
    /// Removes our chains, kube-proxy's, and what leads to them, of these programs' flavour.
    /// </summary>
    /// <param name="programs">The programs.</param>
    /// <param name="sparesKubeProxy">Whether, where kube-proxy has taken over since, only what it does not know is removed.</param>
    public static void Clean(Programs.Iptables programs, bool sparesKubeProxy)
    {
        var saved = SavedRules.Parse(programs.Save());
        sparesKubeProxy &= saved.IsKubeProxys;
        var isOurs = sparesKubeProxy ? ChainNames.IsOursAlone : (Func<string, bool>)(static _ => true);
        var jumps = saved.Jumps.Where(jump => !sparesKubeProxy || NodeRules.JumpsOfOursAlone.Contains(jump)).ToList();
        using var feed = new RestoreFeed(() => programs.BeginRestore(default));
        foreach (var table in Tables)
        {
            feed.Finish(
                table,
                [.. saved.Chains.Keys.Where(chain => chain.Table == table && isOurs(chain.Name)).Select(static chain => chain.Name)],
                [],
                [.. jumps.Where(jump => jump.Chain.Table == table).Select(static jump => (jump.Chain.Name, jump.Rule))]);
        }

        if (feed.End() is { ExitCode: not 0 } result)
        {
            throw new BackendException($"iptables-restore: {result.Error.Trim()}");
        }

        if (programs.Flavour == "nft")
        {
            // Its base chains come with their first rule, and would stay, empty. Where one cannot go, it is not ours alone.
            foreach (var chain in jumps.Select(static jump => jump.Chain).Distinct().Where(chain => !saved.Busy.Contains(chain)))
            {
                programs.Restore($"*{Programs.Iptables.TableName(chain.Table)}\n-X {chain.Name}\nCOMMIT\n", default);
            }
        }
    }

    /// <summary>Whether the kernel has xt_cluster. Only trying tells: it may be a module that is loaded with its first rule.</summary>
    private bool CanHash() => _canHash ??= programs.Accepts("-m cluster --cluster-total-nodes 2 --cluster-local-nodemask 1 --cluster-hash-seed 1 -j RETURN");

    /// <summary>Puts changes into the rules as they should be.</summary>
    /// <returns>Those that could be.</returns>
    private Dictionary<ServicePortKey, ServicePortChange> Put(IEnumerable<ServicePortChange> changes, ChangeReport report, Action<ServicePortKey>? put = null)
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
                continue;
            }

            put?.Invoke(change.Key);
        }

        return pending;
    }

    private void Write(Dictionary<ServicePortKey, ServicePortChange> pending, ChangeReport report, CancellationToken cancellationToken)
    {
        using var feed = new RestoreFeed(() => programs.BeginRestore(cancellationToken));
        Write(pending, report, feed, [], cancellationToken);
    }

    private void Write(
        Dictionary<ServicePortKey, ServicePortChange> pending,
        ChangeReport report,
        RestoreFeed feed,
        Dictionary<ChainId, IReadOnlyList<Rule>?> contents,
        CancellationToken cancellationToken)
    {
        AddRest(feed, contents);
        var result = feed.End();
        Restores += feed.Lines == 0 ? 0 : 1;
        Lines += feed.Lines;
        if (result.ExitCode == 0)
        {
            Written(contents, pending, report, feed.Commits);
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

        Write(pending, report, cancellationToken);
    }

    private void Undo(ServicePortKey key) => _rules!.Put(key, _inForce.GetValueOrDefault(key));

    private void Written(Dictionary<ChainId, IReadOnlyList<Rule>?> contents, Dictionary<ServicePortKey, ServicePortChange> pending, ChangeReport report, int commits)
    {
        stamp.Changed(family, _before, commits, MoreEntries(RuleTable.Nat, contents), MoreEntries(RuleTable.Filter, contents));
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

    /// <summary>How many entries a legacy table gains by what was written: rules, and two for a chain, where it begins and ends.</summary>
    private int MoreEntries(RuleTable table, Dictionary<ChainId, IReadOnlyList<Rule>?> contents)
    {
        const int Ends = 2;
        var more = _missingJumps.Count(jump => jump.Chain.Table == table) - _staleJumps.Count(jump => jump.Chain.Table == table);
        foreach (var (chain, content) in contents)
        {
            if (chain.Table == table)
            {
                more += (content is null ? 0 : content.Count + Ends) - (_written.TryGetValue(chain, out var former) ? former.Count + Ends : 0);
            }
        }

        return more;
    }

    /// <summary>Chains of the nat table that nothing leads to yet, while others are being made.</summary>
    private void AddEarly(IEnumerable<ChainId> chains, RestoreFeed feed, Dictionary<ChainId, IReadOnlyList<Rule>?> contents)
    {
        var write = new List<(string, IReadOnlyList<Rule>)>();
        foreach (var chain in chains)
        {
            var rules = _rules!.Rules(chain)!;
            if (!IsWritten(chain, rules))
            {
                contents[chain] = rules;
                write.Add((chain.Name, rules));
            }
        }

        feed.Write(RuleTable.Nat, write);
    }

    /// <summary>All that has to be written and is not in the feed already.</summary>
    private void AddRest(RestoreFeed feed, Dictionary<ChainId, IReadOnlyList<Rule>?> contents)
    {
        foreach (var table in Tables)
        {
            var write = new List<(string, IReadOnlyList<Rule>)>();
            var delete = new List<string>();
            foreach (var chain in _rules!.Touched.Where(chain => chain.Table == table && !contents.ContainsKey(chain)))
            {
                var rules = _rules.Rules(chain);
                if (IsWritten(chain, rules))
                {
                    continue;
                }

                contents[chain] = rules;
                if (rules is null)
                {
                    delete.Add(chain.Name);
                }
                else
                {
                    write.Add((chain.Name, rules));
                }
            }

            feed.Write(table, write);
            feed.Finish(
                table, delete,
                [.. _missingJumps.Where(jump => jump.Chain.Table == table).Select(static jump => (jump.Chain.Name, jump.Rule))],
                [.. _staleJumps.Where(jump => jump.Chain.Table == table).Select(static jump => (jump.Chain.Name, jump.Rule))]);
        }
    }

    private bool IsWritten(ChainId chain, IReadOnlyList<Rule>? rules) =>
        _written.TryGetValue(chain, out var written) ? rules is not null && AreSame(rules, written) : rules is null;

    private static bool AreSame(IReadOnlyList<Rule> rules, IReadOnlyList<Rule> others)
    {
        if (rules.Count != others.Count)
        {
            return false;
        }

        for (var i = 0; i < rules.Count; i++)
        {
            if (rules[i].Text != others[i].Text)
            {
                return false;
            }
        }

        return true;
    }
}
