using System.Runtime.InteropServices;
using ProxyFramework.Backends.Ipvs.Layout;
using ProxyFramework.KernelBackends;
using ProxyFramework.Netlink;
using ProxyFramework.Netlink.NfTables;

namespace ProxyFramework.Backends.Ipvs.Kernel;

/// <summary>
/// One family's companion table: what IPVS cannot do itself. It remembers which elements the kernel has, and asks only when the
/// table is adopted.
/// </summary>
internal sealed class CompanionTable : IDisposable
{
    /// <summary>The most elements of a transaction that need not be in one: each takes the kernel about a microsecond, during which no one else changes rules.</summary>
    private const int MaxElements = 8192;

    private readonly NftNetlink _nft;
    private readonly CompanionSchema _schema;
    private readonly CompanionRules _rules;
    private readonly NftBatch _batch = new();

    /// <summary>How many want each element: of shared sets perhaps several services.</summary>
    private readonly Dictionary<SetElement, int> _uses = [];
    private string[] _chains = [];

    public CompanionTable(NftNetlink nft, IPFamily family, uint masqueradeBit, string comment)
    {
        _nft = nft;
        _schema = new CompanionSchema(family, comment);
        _rules = new CompanionRules(_schema, masqueradeBit);
    }

    public IPFamily Family => _schema.Family;

    /// <summary>How many transactions were committed so far.</summary>
    public long Transactions { get; private set; }

    /// <summary>The table of an earlier run, or null.</summary>
    public static NftTable? Find(NftNetlink nft, IPFamily family)
    {
        var table = new CompanionSchema(family, "").Table;
        return nft.FindTable(table.Family, table.Name);
    }

    /// <summary>The frontends that the table of an earlier run names: whose virtual servers are ours. Null where there is none.</summary>
    /// <exception cref="NetlinkException">The kernel refused.</exception>
    public static HashSet<FrontendKey>? ReadFrontends(NftNetlink nft, IPFamily family)
    {
        var schema = new CompanionSchema(family, "");
        var sets = nft.FindTable(schema.Table.Family, schema.Table.Name) is null ? [] : nft.GetSets(schema.Table);
        return sets.Count == 0 ? null :
        [
            .. sets.Where(static set => set.Name is "services" or "retiring")
                .SelectMany(nft.GetElements).Select(element => CompanionSchema.ReadFrontend(family, element.Key.AsSpan())),
        ];
    }

    /// <summary>Creates an empty table, where there is none, for the comment that it carries.</summary>
    /// <exception cref="NetlinkException">The kernel refused.</exception>
    public void Create()
    {
        _batch.Reset();
        _batch.AddTable(_schema.Table);
        Commit();
    }

    /// <summary>Removes the table.</summary>
    public static void Delete(NftNetlink nft, IPFamily family)
    {
        if (Find(nft, family) is { } table)
        {
            using var batch = new NftBatch();
            batch.DeleteTable(table);
            nft.Commit(batch);
        }
    }

    /// <summary>Makes the table have exactly these elements and our chains, whatever there is: nothing, an earlier run's, what others made of it.</summary>
    /// <exception cref="NetlinkException">The kernel refused.</exception>
    public void Adopt(IEnumerable<SetElement> elements, LocalPodDetection pods)
    {
        _uses.Clear();
        foreach (var element in elements)
        {
            CollectionsMarshal.GetValueRefOrAddDefault(_uses, element, out _)++;
        }

        var isThere = _nft.FindTable(_schema.Table.Family, _schema.Table.Name) is not null;
        var sets = isThere ? _nft.GetSets(_schema.Table) : [];
        var chains = isThere ? _nft.GetChains(_schema.Table) : [];
        _batch.Reset();
        _batch.AddTable(_schema.Table);
        if (sets.Count == 0 && chains.Count == 0)
        {
            Load(isActive: false);
        }
        else if (IsAsDefined(sets, chains))
        {
            AddDifference();
        }
        else
        {
            _batch.DeleteTable(_schema.Table);
            _batch.AddTable(_schema.Table);
            chains = [];
            Load(isActive: true);
        }

        _chains = [.. chains.Select(static chain => chain.Name)];
        AddRules(pods);
        Commit();
    }

    /// <summary>Writes all chains anew, in one transaction.</summary>
    /// <exception cref="NetlinkException">The kernel refused; the table is as before.</exception>
    public void WriteRules(LocalPodDetection pods)
    {
        _batch.Reset();
        AddRules(pods);
        Commit();
    }

    /// <summary>Changes elements in one transaction.</summary>
    /// <exception cref="NetlinkException">The kernel refused; the table is as before.</exception>
    public void Change(IEnumerable<SetElement> former, IEnumerable<SetElement> wanted)
    {
        var changes = new Dictionary<SetElement, int>();
        foreach (var element in former)
        {
            CollectionsMarshal.GetValueRefOrAddDefault(changes, element, out _)--;
        }

        foreach (var element in wanted)
        {
            CollectionsMarshal.GetValueRefOrAddDefault(changes, element, out _)++;
        }

        _batch.Reset();
        var after = changes.Where(static change => change.Value != 0)
            .Select(change => (Element: change.Key, Before: _uses.GetValueOrDefault(change.Key), After: _uses.GetValueOrDefault(change.Key) + change.Value))
            .OrderBy(static change => change.Element.Set.Kind).ThenBy(static change => change.Element.Set.Origin)
            .ToList();
        foreach (var change in after.Where(static change => change is { Before: > 0, After: 0 }))
        {
            _schema.Delete(_batch, change.Element);
        }

        foreach (var change in after.Where(static change => change is { Before: 0, After: > 0 }))
        {
            _schema.Add(_batch, change.Element);
        }

        Commit();
        foreach (var change in after)
        {
            if (change.After == 0)
            {
                _uses.Remove(change.Element);
            }
            else
            {
                _uses[change.Element] = change.After;
            }
        }
    }

    public void Dispose() => _batch.Dispose();

    private bool IsAsDefined(IReadOnlyList<NftSet> sets, IReadOnlyList<NftChain> chains)
    {
        var wanted = SetId.All.Select(_schema.Set).ToDictionary(static set => set.Name);
        return sets.Count == wanted.Count
            && sets.All(set => wanted.TryGetValue(set.Name, out var mine) && mine.KeyType == set.KeyType && mine.DataType == set.DataType
                && (mine.Flags & NftSetFlags.Interval) == (set.Flags & NftSetFlags.Interval))
            && chains.All(static chain => CompanionRules.BaseChains.GetValueOrDefault(chain.Name) == chain.Base);
    }

    /// <summary>Adds sets and elements; in several transactions where no packet sees the table yet.</summary>
    private void Load(bool isActive)
    {
        foreach (var id in SetId.All)
        {
            _batch.AddSet(_schema.Set(id));
        }

        // Elements of one set that follow each other share a message.
        var count = 0;
        foreach (var element in _uses.Keys.OrderBy(static element => element.Set.Kind).ThenBy(static element => element.Set.Origin))
        {
            _schema.Add(_batch, element);
            if (++count % MaxElements == 0 && !isActive)
            {
                Commit();
                _batch.Reset();
            }
        }
    }

    private void AddDifference()
    {
        var wanted = _uses.Keys.ToLookup(static element => element.Set);
        Span<byte> key = stackalloc byte[CompanionSchema.MaxKey];
        foreach (var id in SetId.All.Where(static id => id.Kind != SetKind.PodRanges))
        {
            var found = new KernelSet(_schema.Set(id));
            _nft.ReadElements(found.Set, found);
            var missing = new List<SetElement>();
            foreach (var element in wanted[id])
            {
                var bytes = key[..CompanionSchema.Key(element, key)];
                if (!found.Want(bytes, out var data))
                {
                    missing.Add(element);
                }
                else if (!CompanionSchema.HasData(element, data))
                {
                    _schema.Delete(_batch, id, bytes);
                    missing.Add(element);
                }
            }

            foreach (var unwanted in found.Unwanted)
            {
                _schema.Delete(_batch, id, unwanted.Span);
            }

            missing.ForEach(element => _schema.Add(_batch, element));
        }
    }

    private void AddRules(LocalPodDetection pods)
    {
        var ranges = _schema.Set(new(SetKind.PodRanges));
        _batch.FlushSet(ranges);
        foreach (var range in pods.Ranges.Where(range => range.Family == Family))
        {
            _schema.Add(_batch, new SetElement(new(SetKind.PodRanges), default, range));
        }

        _rules.Write(_batch, pods, _chains);
        _chains = [.. CompanionRules.Names];
    }

    private void Commit()
    {
        if (!_batch.IsEmpty)
        {
            _nft.Commit(_batch);
            Transactions++;
        }
    }
}
