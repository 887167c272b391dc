using ProxyFramework.Backends.Ipvs.Layout;
using ProxyFramework.KernelBackends;
using ProxyFramework.Netlink;
using ProxyFramework.Netlink.NfTables;

namespace ProxyFramework.Backends.Ipvs.Kernel;

/// <summary>One family's companion table: what IPVS cannot do itself. It remembers which elements the kernel has.</summary>
internal sealed class CompanionTable : IDisposable
{
    private readonly NftNetlink _nft;
    private readonly CompanionSchema _schema;
    private readonly CompanionRules _rules;
    private readonly NftBatch _batch = new();

    /// <summary>How many want each element: of shared sets perhaps several services.</summary>
    private readonly Dictionary<SetElement, int> _uses = [];

    public CompanionTable(NftNetlink nft, IPFamily family, uint masqueradeBit, string comment)
    {
        _nft = nft;
        _schema = new CompanionSchema(family, comment);
        _rules = new CompanionRules(_schema, masqueradeBit);
    }

    public IPFamily Family => _schema.Family;

    /// <summary>The table of an earlier run, or null.</summary>
    public static NftTable? Find(NftNetlink nft, IPFamily family)
    {
        var table = new CompanionSchema(family, "").Table;
        return nft.FindTable(table.Family, table.Name);
    }

    /// <summary>The frontends that the table of an earlier run names: whose virtual servers are ours.</summary>
    /// <exception cref="NetlinkException">The kernel refused.</exception>
    public static HashSet<FrontendKey> ReadFrontends(NftNetlink nft, IPFamily family)
    {
        var schema = new CompanionSchema(family, "");
        return nft.FindTable(schema.Table.Family, schema.Table.Name) is null ? [] :
        [
            .. nft.GetSets(schema.Table).Where(static set => set.Name is "services" or "retiring")
                .SelectMany(nft.GetElements).Select(element => CompanionSchema.ReadFrontend(family, element.Key.AsSpan())),
        ];
    }

    /// <summary>Creates an empty table, where there is none, for the comment that it carries.</summary>
    /// <exception cref="NetlinkException">The kernel refused.</exception>
    public void Create()
    {
        _batch.Reset();
        _batch.AddTable(_schema.Table);
        _nft.Commit(_batch);
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

    /// <summary>Puts a table with exactly these elements in the place of what there is, in one transaction.</summary>
    /// <exception cref="NetlinkException">The kernel refused.</exception>
    public void Replace(IEnumerable<SetElement> elements, LocalPodDetection pods)
    {
        _uses.Clear();
        foreach (var element in elements)
        {
            _uses[element] = _uses.GetValueOrDefault(element) + 1;
        }

        _batch.Reset();
        _batch.AddTable(_schema.Table);
        _batch.DeleteTable(_schema.Table);
        _batch.AddTable(_schema.Table);
        foreach (var id in SetId.All)
        {
            _batch.AddSet(_schema.Set(id));
        }

        // Elements of one set that follow each other share a message.
        foreach (var element in _uses.Keys.OrderBy(static element => element.Set.Kind).ThenBy(static element => element.Set.Origin))
        {
            _schema.Add(_batch, element);
        }

        foreach (var range in pods.Ranges.Where(range => range.Family == Family))
        {
            _schema.Add(_batch, new SetElement(new(SetKind.PodRanges), default, range));
        }

        _rules.Write(_batch, pods);
        _nft.Commit(_batch);
    }

    /// <summary>Changes elements in one transaction.</summary>
    /// <exception cref="NetlinkException">The kernel refused; the table is as before.</exception>
    public void Change(IEnumerable<SetElement> former, IEnumerable<SetElement> wanted)
    {
        var changes = new Dictionary<SetElement, int>();
        foreach (var element in former)
        {
            changes[element] = changes.GetValueOrDefault(element) - 1;
        }

        foreach (var element in wanted)
        {
            changes[element] = changes.GetValueOrDefault(element) + 1;
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

        if (!_batch.IsEmpty)
        {
            _nft.Commit(_batch);
        }

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
}
