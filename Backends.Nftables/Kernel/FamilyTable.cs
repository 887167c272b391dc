using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using ProxyFramework.Backends.Nftables.Layout;
using ProxyFramework.KernelBackends;
using ProxyFramework.Netlink;
using ProxyFramework.Netlink.NfTables;

namespace ProxyFramework.Backends.Nftables.Kernel;

/// <summary>
/// What is in force in one IP family, and how it gets from there to what is wanted. The kernel is asked only when its table is
/// adopted; after that it is known, for others' changes are reported.
/// </summary>
internal sealed partial class FamilyTable : IDisposable
{
    /// <summary>
    /// The most elements of a transaction that need not be in one: the kernel takes about a microsecond for each, and holds up
    /// every other change of its rules meanwhile.
    /// </summary>
    private const int MaxElements = 8192;

    private readonly KernelTable _table;
    private readonly ElementLayout _layout;
    private readonly ElementUses _uses = new();
    private readonly ElementDiff _knownDiff;
    private readonly Transaction _transaction;
    private readonly ILogger _logger;
    private readonly Dictionary<ServicePortKey, ServicePort> _inForce = [];

    public FamilyTable(NftNetlink nft, TableSchema schema, SlotTables slots, ChainLayout chainLayout, ILogger logger)
    {
        _table = new KernelTable(nft, schema, chainLayout);
        _layout = new ElementLayout(slots);
        _knownDiff = new ElementDiff(_layout, _uses);
        _transaction = new Transaction(schema, new ElementCodec(schema));
        _logger = logger;
    }

    public IPFamily Family => _table.Schema.Family;

    /// <summary>The service ports in force, as they are.</summary>
    public IReadOnlyDictionary<ServicePortKey, ServicePort> InForce => _inForce;

    /// <summary>How many elements were added and deleted so far.</summary>
    public long ElementChanges { get; private set; }

    /// <summary>How many transactions were committed so far.</summary>
    public long Transactions => _table.Transactions;

    /// <summary>Deletes the tables of all families and versions, in one transaction.</summary>
    public static void DeleteAll(NftNetlink nft)
    {
        using var batch = new NftBatch();
        foreach (var table in nft.GetTables().Where(TableSchema.IsOurs))
        {
            batch.DeleteTable(table);
        }

        nft.Commit(batch);
    }

    /// <summary>Puts changes in force, in a table that is known.</summary>
    /// <param name="changes">What is wanted of the service ports that change.</param>
    /// <param name="node">The node as it is.</param>
    /// <param name="report">Takes what has come into force, and what could not.</param>
    /// <param name="cancellationToken">Ends it between two transactions.</param>
    /// <exception cref="DriftException">The kernel has not what was put there: the table must be adopted again.</exception>
    /// <exception cref="NetlinkException">The kernel refused what belongs to no service port.</exception>
    public void Apply(IEnumerable<ServicePortChange> changes, NodeState node, ChangeReport report, CancellationToken cancellationToken)
    {
        var isNodeChanged = _table.TakeNode(node);
        List<ServicePortChange> known = [];
        foreach (var change in changes)
        {
            var inForce = _inForce.GetValueOrDefault(change.Key);
            if (!Equals(inForce, change.After))
            {
                known.Add(change with { Before = inForce });
            }
        }

        var ordered = known.Count == 1 ? known : known.Where(static change => LosesFrontends(change)).Concat(known.Where(static change => !LosesFrontends(change)));
        Run(ordered, _knownDiff, report, cancellationToken);
        if (isNodeChanged)
        {
            _table.Commit(_table.WriteChains);
        }
    }

    /// <summary>
    /// Makes the table agree with what is wanted, whatever is there: nothing, what an earlier run left, what others made of it.
    /// </summary>
    /// <param name="wanted">All service ports of this family that are wanted.</param>
    /// <param name="node">The node as it is.</param>
    /// <param name="report">Takes what has come into force, and what could not.</param>
    /// <param name="cancellationToken">Ends it between two transactions.</param>
    /// <returns>The frontends that were in the table and are not wanted any more.</returns>
    /// <exception cref="NetlinkException">The kernel refused what belongs to no service port.</exception>
    public IReadOnlyCollection<FrontendKey> Adopt(
        IEnumerable<ServicePort> wanted, NodeState node, ChangeReport report, CancellationToken cancellationToken)
    {
        _table.TakeNode(node);
        _inForce.Clear();
        _uses.Clear();
        var (nft, table) = (_table.Nft, _table.Schema.Table);
        var others = nft.GetTables(table.Family).Where(TableSchema.IsOurs).ToList();
        var isThere = others.RemoveAll(other => other.Name == table.Name) > 0;
        var sets = isThere ? nft.GetSets(table) : [];
        var chains = isThere ? nft.GetChains(table) : [];
        if (_table.FindForeign(sets, chains) is { } foreign)
        {
            Log.Unreadable(_logger, table.Name, Family, foreign);
            _table.Commit(batch => batch.DeleteTable(table));
            (sets, chains) = ([], []);
        }

        _table.Adopt(sets, chains);
        var diff = new KernelDiff(nft, _table.Schema, _layout, _uses, sets);
        Run(wanted.Select(static service => new ServicePortChange(null, service)), diff, report, cancellationToken);
        return Complete(diff, others, cancellationToken);
    }

    /// <summary>Forgets the classes that no service port is in any more. They are kept until then, for services come and go.</summary>
    public void DropUnusedClasses()
    {
        var unused = UnusedClasses();
        if (unused.Count > 0)
        {
            _table.Activate(unused, static _ => { });
        }
    }

    public void Dispose() => _table.Dispose();

    /// <summary>A frontend that changes hands must be let go first, where the two changes do not fit one transaction.</summary>
    private static bool LosesFrontends(in ServicePortChange change) => change.Before is { } before
        && (change.After is not { } after || !before.Frontends.AsSpan().SequenceEqual(after.Frontends.AsSpan()));

    /// <summary>Deletes what nothing is wanted of, and lets packets in.</summary>
    private HashSet<FrontendKey> Complete(KernelDiff diff, List<NftTable> others, CancellationToken cancellationToken)
    {
        foreach (var id in ChainLayout.FixedSets().Where(static id => id.IsOfServices))
        {
            diff.Read(id);
        }

        var unused = UnusedClasses();
        unused.ForEach(diff.Read);
        var unwanted = diff.Unwanted.ToList();
        var frontends = unwanted
            .Where(static element => element.Id.Kind is SetKind.Class or SetKind.Reject or SetKind.Drop)
            .Select(element => ElementCodec.ReadFrontend(Family, element.Id.IsNodePort, element.Key.Span))
            .ToHashSet();
        frontends.ExceptWith(_inForce.Values.SelectMany(static service => service.Frontends.Select(frontend => FrontendKey.Of(service, frontend))));

        // What is in an unused class goes with its set.
        unwanted.RemoveAll(element => unused.Contains(element.Id));
        _table.Activate(unused, batch =>
        {
            Delete(batch, unwanted.Take(MaxElements));
            others.ForEach(batch.DeleteTable);
        });
        foreach (var part in unwanted.Skip(MaxElements).Chunk(MaxElements))
        {
            cancellationToken.ThrowIfCancellationRequested();
            _table.Commit(batch => Delete(batch, part));
        }

        return frontends;
    }

    private void Delete(NftBatch batch, IEnumerable<(SetId Id, ReadOnlyMemory<byte> Key)> elements)
    {
        foreach (var (id, key) in elements)
        {
            ElementCodec.Delete(batch, _table.Schema.Set(id), key.Span);
        }
    }

    private List<SetId> UnusedClasses()
    {
        var elements = new List<Element>();
        var unused = _table.Classes.ToHashSet();
        foreach (var service in _inForce.Values)
        {
            elements.Clear();
            _layout.Add(service, elements);
            unused.ExceptWith(elements.Select(static element => element.Key.Set));
        }

        return [.. unused];
    }

    private void Run(IEnumerable<ServicePortChange> changes, IElementDiff diff, ChangeReport report, CancellationToken cancellationToken)
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
                report.Failed(change.Key, $"the endpoints cannot be laid out: {error.GetType().Name}: {error.Message}");
                continue;
            }

            if (_transaction.ElementCount >= MaxElements)
            {
                Commit(diff, report);
                cancellationToken.ThrowIfCancellationRequested();
                _transaction.Reset();
            }
        }

        Commit(diff, report);
    }

    /// <summary>Commits, and where the kernel refuses, everything but what it refuses.</summary>
    private void Commit(IElementDiff diff, ChangeReport report)
    {
        if (_transaction.Changes.Count == 0)
        {
            return;
        }

        var refused = _table.TryCommit(_transaction);
        if (!refused.IsEmpty)
        {
            _uses.RollBack();
            Isolate(refused, diff, report);
            return;
        }

        _uses.Commit();
        ElementChanges += _transaction.ElementCount;
        foreach (var change in _transaction.Changes)
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

    /// <summary>Finds out which service ports are refused: by the element that the kernel names, or by trying halves.</summary>
    private void Isolate(ImmutableArray<NftError> refused, IElementDiff diff, ChangeReport report)
    {
        if (diff == _knownDiff && refused.Any(static error => error.Kernel.Errno is Errno.ENOENT or Errno.EEXIST))
        {
            throw new DriftException($"the kernel's table is not as it was left: {refused[0]}");
        }

        List<ServicePortChange> changes = [.. _transaction.Changes];
        var guilty = new Dictionary<ServicePortKey, NetlinkError>();
        foreach (var error in refused)
        {
            if (error.Element is { } element && _transaction.OwnerOf(element) is { } owner)
            {
                guilty.TryAdd(owner, error.Kernel);
            }
        }

        if (guilty.Count == 0 && changes.Count == 1)
        {
            guilty.Add(changes[0].Key, refused[0].Kernel);
        }

        foreach (var (key, error) in guilty)
        {
            report.Failed(key, $"the kernel refused its rules: {error}");
        }

        var half = guilty.Count > 0 ? changes.Count : changes.Count / 2;
        Retry(changes[..half].Where(change => !guilty.ContainsKey(change.Key)), diff, report);
        Retry(changes[half..], diff, report);
    }

    private void Retry(IEnumerable<ServicePortChange> changes, IElementDiff diff, ChangeReport report)
    {
        _transaction.Reset();
        foreach (var change in changes)
        {
            _transaction.Add(change, diff);
        }

        Commit(diff, report);
    }

    private static partial class Log
    {
        [LoggerMessage(EventId = 1, Level = LogLevel.Warning, Message = "Table {Table} ({Family}) is not as this version makes it ({What}); it is made anew")]
        public static partial void Unreadable(ILogger logger, string table, IPFamily family, string what);
    }
}

/// <summary>The kernel has not what was put there, so someone else was at it.</summary>
internal sealed class DriftException(string message) : Exception(message);
