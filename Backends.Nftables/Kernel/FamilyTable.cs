using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using ProxyFramework.Backends.Nftables.Layout;
using ProxyFramework.Netlink;
using ProxyFramework.Netlink.NfTables;

namespace ProxyFramework.Backends.Nftables.Kernel;

/// <summary>
/// The table of one IP family: what is in force in it, and how it gets from there to what is wanted. The kernel is asked only when
/// the table is adopted; after that it is known, for others' changes are reported.
/// </summary>
internal sealed partial class FamilyTable : IDisposable
{
    /// <summary>
    /// The most elements of a transaction that need not be in one: the kernel takes about a microsecond for each, and holds up
    /// every other change of its rules meanwhile.
    /// </summary>
    private const int MaxElements = 8192;

    private readonly NftNetlink _nft;
    private readonly NftBatch _batch = new();
    private readonly TableSchema _schema;
    private readonly ElementLayout _layout;
    private readonly ChainLayout _chainLayout;
    private readonly RuleLowering _rules;
    private readonly ElementUses _uses = new();
    private readonly ElementDiff _knownDiff;
    private readonly Transaction _transaction;
    private readonly ILogger _logger;
    private readonly Dictionary<ServicePortKey, ServicePort> _inForce = [];
    private readonly SortedSet<SetId> _classes = new(new ClassOrder());
    private readonly HashSet<string> _chains = [];
    private LocalPodDetection _pods = LocalPodDetection.None;
    private ImmutableArray<InetAddress> _nodePortAddresses = [];
    private ChangeInForce? _done;

    /// <summary>Whether packets enter the table: not before a first load is complete.</summary>
    private bool _isActive;

    public FamilyTable(NftNetlink nft, TableSchema schema, SlotTables slots, ChainLayout chainLayout, ILogger logger)
    {
        _nft = nft;
        _schema = schema;
        _layout = new ElementLayout(slots);
        _chainLayout = chainLayout;
        _rules = new RuleLowering(schema.Family);
        _knownDiff = new ElementDiff(_layout, _uses);
        _transaction = new Transaction(schema, new ElementCodec(schema));
        _logger = logger;
    }

    public IPFamily Family => _schema.Family;

    /// <summary>The name in the kernel.</summary>
    public string Name => _schema.Table.Name;

    /// <summary>The service ports in force, as they are.</summary>
    public IReadOnlyDictionary<ServicePortKey, ServicePort> InForce => _inForce;

    /// <summary>How many elements were added and deleted so far.</summary>
    public long ElementChanges { get; private set; }

    /// <summary>How many transactions were committed so far.</summary>
    public long Transactions { get; private set; }

    /// <summary>Puts changes in force, in a table that is known.</summary>
    /// <param name="changes">What is wanted of the service ports that change.</param>
    /// <param name="node">The node as it is.</param>
    /// <param name="failed">Takes what could not be put in force, and why.</param>
    /// <param name="done">Takes what has come into force.</param>
    /// <param name="cancellationToken">Ends it between two transactions.</param>
    /// <exception cref="DriftException">The kernel has not what was put there: the table must be adopted again.</exception>
    /// <exception cref="NetlinkException">The kernel refused what belongs to no service port.</exception>
    public void Apply(
        IEnumerable<ServicePortChange> changes,
        NodeState node,
        Action<ServicePortKey, string> failed,
        ChangeInForce done,
        CancellationToken cancellationToken)
    {
        _done = done;
        var isNodeChanged = TakeNode(node);
        var known = changes
            .Select(change => change with { Before = _inForce.GetValueOrDefault(change.Key) })
            .Where(static change => !Equals(change.Before, change.After))
            .OrderBy(static change => LosesFrontends(change) ? 0 : 1);
        Run(known, _knownDiff, failed, cancellationToken);
        if (isNodeChanged)
        {
            Commit(WriteChains);
        }
    }

    /// <summary>
    /// Makes the table agree with what is wanted, whatever is there: nothing, what an earlier run left, what others made of it.
    /// </summary>
    /// <param name="wanted">All service ports of this family that are wanted.</param>
    /// <param name="node">The node as it is.</param>
    /// <param name="failed">Takes what could not be put in force, and why.</param>
    /// <param name="cancellationToken">Ends it between two transactions.</param>
    /// <returns>The frontends that were in the table and are not wanted any more.</returns>
    /// <exception cref="NetlinkException">The kernel refused what belongs to no service port.</exception>
    public IReadOnlyCollection<FrontendKey> Adopt(
        IEnumerable<ServicePort> wanted, NodeState node, Action<ServicePortKey, string> failed, CancellationToken cancellationToken)
    {
        TakeNode(node);
        _done = null;
        _inForce.Clear();
        _uses.Clear();
        _classes.Clear();
        _chains.Clear();
        var others = _nft.GetTables(_schema.Table.Family).Where(TableSchema.IsOurs).ToList();
        var isThere = others.RemoveAll(table => table.Name == _schema.Table.Name) > 0;
        var sets = isThere ? _nft.GetSets(_schema.Table) : [];
        var chains = isThere ? _nft.GetChains(_schema.Table) : [];
        if (isThere && FindForeign(sets, chains) is { } foreign)
        {
            Log.Unreadable(_logger, _schema.Table.Name, Family, foreign);
            (isThere, sets, chains) = (false, [], []);
            Commit(batch => batch.DeleteTable(_schema.Table));
        }

        _chains.UnionWith(chains.Select(chain => chain.Name));
        _isActive = chains.Any(chain => chain.Base is not null);
        foreach (var set in sets)
        {
            if (SetId.TryParseClass(set.Name, out var id))
            {
                _classes.Add(id);
            }
        }

        var existing = sets.Select(set => set.Name).ToHashSet();
        Commit(batch => AddFixedSets(batch, isThere, existing));
        var diff = new KernelDiff(_nft, _schema, _layout, _uses, sets);
        Run(wanted.Select(static service => new ServicePortChange(null, service)), diff, failed, cancellationToken);
        return Complete(diff, others, cancellationToken);
    }

    public void Dispose() => _batch.Dispose();

    /// <summary>Deletes the tables of all versions, in one transaction.</summary>
    public static void DeleteAll(NftNetlink nft)
    {
        using var batch = new NftBatch();
        foreach (var table in nft.GetTables().Where(TableSchema.IsOurs))
        {
            batch.DeleteTable(table);
        }

        nft.Commit(batch);
    }

    /// <summary>Deletes what nothing is wanted of, and lets packets in.</summary>
    private HashSet<FrontendKey> Complete(KernelDiff diff, List<NftTable> others, CancellationToken cancellationToken)
    {
        foreach (var id in ChainLayout.FixedSets().Where(static id => id.Kind is not (SetKind.Affinity or SetKind.PodRanges or SetKind.NodePortAddresses)))
        {
            diff.Read(id);
        }

        var wantedClasses = UsedClasses();
        var unusedClasses = _classes.Where(id => !wantedClasses.Contains(id)).ToList();
        unusedClasses.ForEach(diff.Read);
        var unwanted = diff.Sets
            .SelectMany(static read => read.Value.Unwanted.Select(key => (read.Key, read.Value.Set, Element: key)))
            .ToList();
        var frontends = unwanted
            .Where(static element => element.Key.Kind is SetKind.Class or SetKind.Reject or SetKind.Drop)
            .Select(element => new ElementCodec(_schema).ReadFrontend(element.Key.IsNodePort, element.Element.Span))
            .ToHashSet();

        // What hangs on a class goes with its set.
        unwanted.RemoveAll(element => unusedClasses.Contains(element.Key));
        _classes.ExceptWith(unusedClasses);
        Commit(batch =>
        {
            Delete(batch, unwanted.Take(MaxElements));
            WriteChains(batch);
            unusedClasses.ForEach(id => batch.DeleteSet(_schema.Set(id)));
            others.ForEach(batch.DeleteTable);
        });
        _isActive = true;
        foreach (var part in unwanted.Skip(MaxElements).Chunk(MaxElements))
        {
            cancellationToken.ThrowIfCancellationRequested();
            Commit(batch => Delete(batch, part));
        }

        frontends.ExceptWith(_inForce.Values.SelectMany(static service => service.Frontends.Select(frontend => FrontendKey.Of(service, frontend))));
        return frontends;
    }

    /// <summary>Forgets the classes that no service port is in any more. They are kept until then, for services come and go.</summary>
    public void DropUnusedClasses()
    {
        var used = UsedClasses();
        var unused = _classes.Where(id => !used.Contains(id)).ToList();
        if (unused.Count == 0)
        {
            return;
        }

        _classes.ExceptWith(unused);
        Commit(batch =>
        {
            WriteChains(batch);
            unused.ForEach(id => batch.DeleteSet(_schema.Set(id)));
        });
    }

    /// <summary>A frontend that changes hands must be let go first, where the two changes do not fit one transaction.</summary>
    private static bool LosesFrontends(in ServicePortChange change) => change.Before is { } before
        && (change.After is not { } after || !before.Frontends.AsSpan().SequenceEqual(after.Frontends.AsSpan()));

    private static void Delete(NftBatch batch, IEnumerable<(SetId Id, NftSet Set, ReadOnlyMemory<byte> Key)> elements)
    {
        foreach (var (_, set, key) in elements)
        {
            ElementCodec.Delete(batch, set, key.Span);
        }
    }

    private HashSet<SetId> UsedClasses()
    {
        var elements = new List<Element>();
        var used = new HashSet<SetId>();
        foreach (var service in _inForce.Values)
        {
            elements.Clear();
            _layout.Add(service, elements);
            used.UnionWith(elements.Where(static element => element.Key.Set.Kind == SetKind.Class).Select(static element => element.Key.Set));
        }

        return used;
    }

    /// <returns>Whether something of the node that the table depends on is another.</returns>
    private bool TakeNode(NodeState node)
    {
        // The kernel takes what goes to 127.0.0.0/8 and ::1 nowhere else, so those would be unreachable and not only unserved.
        ImmutableArray<InetAddress> addresses = [.. node.NodePortAddresses.Where(address => address.Family == Family && !address.IsLoopback)];
        var isChanged = _pods != node.LocalPods || !_nodePortAddresses.AsSpan().SequenceEqual(addresses.AsSpan());
        (_pods, _nodePortAddresses) = (node.LocalPods, addresses);
        return isChanged;
    }

    /// <summary>What of an existing table is not as this version makes it, so that it cannot be changed into what is wanted; null if all is.</summary>
    private string? FindForeign(IReadOnlyList<NftSet> sets, IReadOnlyList<NftChain> chains)
    {
        var ours = ChainLayout.FixedSets().Select(_schema.Set).ToDictionary(set => set.Name);
        foreach (var set in sets)
        {
            var mine = SetId.TryParseClass(set.Name, out var id) ? _schema.Set(id) : ours.GetValueOrDefault(set.Name);
            if (mine is null || mine.KeyType != set.KeyType || mine.DataType != set.DataType || mine.Size != set.Size
                || (set.Flags & NftSetFlags.Interval) != (mine.Flags & NftSetFlags.Interval))
            {
                return $"set {set.Name}";
            }
        }

        var bases = _chainLayout.Build([], LocalPodDetection.None).Where(static chain => chain.Base is not null).ToDictionary(static chain => chain.Name);
        return chains.Where(chain => chain.Base is not null && bases.GetValueOrDefault(chain.Name) is { } mine && mine.Base != chain.Base)
            .Select(static chain => $"chain {chain.Name}").FirstOrDefault();
    }

    private void AddFixedSets(NftBatch batch, bool isThere, HashSet<string> existing)
    {
        if (!isThere)
        {
            batch.AddTable(_schema.Table);
        }

        foreach (var set in ChainLayout.FixedSets().Select(_schema.Set).Where(set => !existing.Contains(set.Name)))
        {
            batch.AddSet(set);
        }
    }

    private void Run(IEnumerable<ServicePortChange> changes, IElementDiff diff, Action<ServicePortKey, string> failed, CancellationToken cancellationToken)
    {
        _transaction.Reset();
        foreach (var change in changes)
        {
            try
            {
                _transaction.Add(change, diff);
            }
            catch (Exception error) when (error is not NetlinkException)
            {
                // Its scheduler is somebody's plugin.
                failed(change.Key, $"the endpoints cannot be laid out: {error.GetType().Name}: {error.Message}");
                continue;
            }

            if (_transaction.ElementCount >= MaxElements)
            {
                CommitTransaction(diff, failed);
                cancellationToken.ThrowIfCancellationRequested();
                _transaction.Reset();
            }
        }

        CommitTransaction(diff, failed);
    }

    /// <summary>Commits, and where the kernel refuses, everything but what it refuses.</summary>
    private void CommitTransaction(IElementDiff diff, Action<ServicePortKey, string> failed)
    {
        if (_transaction.Changes.Count == 0)
        {
            return;
        }

        List<SetId> newClasses = [.. _transaction.AddedClasses().Where(id => !_classes.Contains(id))];
        _batch.Reset();
        newClasses.ForEach(id => _batch.AddSet(_schema.Set(id)));
        _transaction.Write(_batch);
        _classes.UnionWith(newClasses);
        if (newClasses.Count > 0 && _isActive)
        {
            WriteChains(_batch);
        }

        var refused = _nft.TryCommit(_batch);
        Transactions++;
        if (refused.IsEmpty)
        {
            ElementChanges += _transaction.ElementCount;
            _uses.Commit();
            foreach (var change in _transaction.Changes)
            {
                TakeInForce(change);
            }

            return;
        }

        _uses.RollBack();
        _classes.ExceptWith(newClasses);
        if (diff == _knownDiff && refused.Any(static error => error.Kernel.Errno is Errno.ENOENT or Errno.EEXIST))
        {
            throw new DriftException($"the kernel's table is not as it was left: {refused[0]}");
        }

        Isolate(refused, diff, failed);
    }

    /// <summary>Finds out which service ports are refused: by the element that the kernel names, or by trying halves.</summary>
    private void Isolate(ImmutableArray<NftError> refused, IElementDiff diff, Action<ServicePortKey, string> failed)
    {
        List<ServicePortChange> changes = [.. _transaction.Changes];
        var guilty = refused
            .Where(static error => error.Element is not null)
            .Select(error => (Key: _transaction.OwnerOf(error.Element!.Value), error.Kernel))
            .Where(static error => error.Key is not null)
            .GroupBy(static error => error.Key!.Value, static error => error.Kernel)
            .ToDictionary(static errors => errors.Key, static errors => errors.First());
        if (guilty.Count == 0 && changes.Count == 1)
        {
            failed(changes[0].Key, Reason(refused[0].Kernel));
            return;
        }

        if (guilty.Count > 0)
        {
            foreach (var (key, error) in guilty)
            {
                failed(key, Reason(error));
            }

            Retry(changes.Where(change => !guilty.ContainsKey(change.Key)), diff, failed);
            return;
        }

        var half = changes.Count / 2;
        Retry(changes[..half], diff, failed);
        Retry(changes[half..], diff, failed);
    }

    private void Retry(IEnumerable<ServicePortChange> changes, IElementDiff diff, Action<ServicePortKey, string> failed)
    {
        _transaction.Reset();
        foreach (var change in changes)
        {
            _transaction.Add(change, diff);
        }

        CommitTransaction(diff, failed);
    }

    private static string Reason(NetlinkError error) => $"the kernel refused its rules: {error}";

    private void TakeInForce(in ServicePortChange change)
    {
        _done?.Invoke(change);
        if (change.After is { } after)
        {
            _inForce[change.Key] = after;
        }
        else
        {
            _inForce.Remove(change.Key);
        }
    }

    /// <summary>Commits what belongs to no service port.</summary>
    private void Commit(Action<NftBatch> write)
    {
        _batch.Reset();
        write(_batch);
        _nft.Commit(_batch);
        Transactions++;
    }

    /// <summary>Writes all chains and what hangs on the node anew: they are few, and one transaction swaps them without a gap.</summary>
    private void WriteChains(NftBatch batch)
    {
        var wanted = _chainLayout.Build(_classes, _pods).ToList();
        var kept = wanted.Select(static chain => chain.Name).ToHashSet();
        foreach (var chain in wanted)
        {
            batch.AddChain(_schema.Chain(chain));
        }

        foreach (var name in _chains)
        {
            batch.FlushChain(new NftChain(_schema.Table, name));
        }

        foreach (var chain in wanted)
        {
            var place = _schema.Chain(chain);
            foreach (var statements in chain.Rules)
            {
                batch.AddRule(place, rule => _rules.Write(rule, statements));
            }
        }

        foreach (var name in _chains.Where(name => !kept.Contains(name)))
        {
            batch.DeleteChain(new NftChain(_schema.Table, name));
        }

        _chains.Clear();
        _chains.UnionWith(kept);
        WriteNode(batch);
    }

    private void WriteNode(NftBatch batch)
    {
        var (addresses, ranges) = (_schema.Set(new(SetKind.NodePortAddresses)), _schema.Set(new(SetKind.PodRanges)));
        Span<byte> first = stackalloc byte[16];
        Span<byte> last = stackalloc byte[16];
        batch.FlushSet(addresses);
        foreach (var address in _nodePortAddresses)
        {
            batch.AddElement(addresses, first[..address.WriteBytes(first)]);
        }

        batch.FlushSet(ranges);
        foreach (var range in _pods.Ranges.Where(range => range.Family == Family))
        {
            batch.AddInterval(ranges, first[..range.Address.WriteBytes(first)], last[..ElementCodec.WriteLastAddress(range, last)]);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(EventId = 1, Level = LogLevel.Warning, Message = "Table {Table} ({Family}) is not as this version makes it ({What}); it is made anew")]
        public static partial void Unreadable(ILogger logger, string table, IPFamily family, string what);
    }
}

/// <summary>Takes a change that has come into force.</summary>
internal delegate void ChangeInForce(in ServicePortChange change);

/// <summary>The kernel has not what was put there, so someone else was at it.</summary>
internal sealed class DriftException(string message) : Exception(message);
