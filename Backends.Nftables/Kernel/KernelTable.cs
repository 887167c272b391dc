using System.Collections.Immutable;
using ProxyFramework.Backends.Nftables.Layout;
using ProxyFramework.Netlink.NfTables;

namespace ProxyFramework.Backends.Nftables.Kernel;

/// <summary>One family's table in the kernel but for the elements of services: its sets, its chains, what hangs on the node.</summary>
internal sealed class KernelTable(NftNetlink nft, TableSchema schema, ChainLayout chainLayout) : IDisposable
{
    private readonly NftBatch _batch = new();
    private readonly RuleLowering _rules = new(schema.Family);
    private readonly HashSet<string> _chains = [];
    private NodeState? _node;
    private LocalPodDetection _pods = LocalPodDetection.None;
    private ImmutableArray<InetAddress> _nodePortAddresses = [];

    public NftNetlink Nft => nft;

    public TableSchema Schema => schema;

    /// <summary>The class sets that there are, each with its chain and its rule.</summary>
    public SortedSet<SetId> Classes { get; } = new(new ClassOrder());

    /// <summary>Whether packets enter the table: not before a first load is complete.</summary>
    public bool IsActive { get; private set; }

    /// <summary>How many transactions were committed so far, each of which made a new generation of the kernel's rules.</summary>
    public long Transactions { get; private set; }

    /// <summary>Takes the node as it is; it comes into force with <see cref="WriteChains"/>.</summary>
    /// <returns>Whether something that the table depends on is another.</returns>
    public bool TakeNode(NodeState node)
    {
        if (ReferenceEquals(node, _node))
        {
            return false;
        }

        // The kernel lets nothing from 127.0.0.0/8 or ::1 leave the node, so that these would be unreachable and not only unserved.
        ImmutableArray<InetAddress> addresses = [.. node.NodePortAddresses.Where(address => address.Family == schema.Family && !address.IsLoopback)];
        var isChanged = _pods != node.LocalPods || !_nodePortAddresses.AsSpan().SequenceEqual(addresses.AsSpan());
        (_node, _pods, _nodePortAddresses) = (node, node.LocalPods, addresses);
        return isChanged;
    }

    /// <summary>Takes what there is of the table, and creates what is missing for elements to go to.</summary>
    /// <param name="sets">The sets that there are.</param>
    /// <param name="chains">The chains that there are.</param>
    public void Adopt(IReadOnlyList<NftSet> sets, IReadOnlyList<NftChain> chains)
    {
        Classes.Clear();
        foreach (var set in sets)
        {
            if (SetId.TryParseClass(set.Name, out var id))
            {
                Classes.Add(id);
            }
        }

        _chains.Clear();
        _chains.UnionWith(chains.Select(chain => chain.Name));
        IsActive = chains.Any(chain => chain.Base is not null);
        var existing = sets.Select(set => set.Name).ToHashSet();
        Commit(batch =>
        {
            if (existing.Count == 0)
            {
                batch.AddTable(schema.Table);
            }

            foreach (var set in ChainLayout.FixedSets().Select(schema.Set).Where(set => !existing.Contains(set.Name)))
            {
                batch.AddSet(set);
            }
        });
    }

    /// <summary>Commits what belongs to no service port.</summary>
    /// <exception cref="ProxyFramework.Netlink.NetlinkException">The kernel refused.</exception>
    public void Commit(Action<NftBatch> write)
    {
        _batch.Reset();
        write(_batch);
        if (!_batch.IsEmpty)
        {
            nft.Commit(_batch);
            Transactions++;
        }
    }

    /// <summary>Commits elements of service ports, with the classes that they are the first of.</summary>
    /// <returns>What the kernel refused; empty where all of it is in force.</returns>
    public ImmutableArray<NftError> TryCommit(Transaction transaction)
    {
        List<SetId> newClasses = [.. transaction.AddedClasses().Where(id => !Classes.Contains(id))];
        _batch.Reset();
        newClasses.ForEach(id => _batch.AddSet(schema.Set(id)));
        transaction.Write(_batch);
        Classes.UnionWith(newClasses);
        if (newClasses.Count > 0 && IsActive)
        {
            WriteChains(_batch);
        }

        if (_batch.IsEmpty)
        {
            return [];
        }

        var refused = nft.TryCommit(_batch);
        if (refused.IsEmpty)
        {
            Transactions++;
        }
        else
        {
            Classes.ExceptWith(newClasses);
        }

        return refused;
    }

    /// <summary>Deletes elements of classes that nothing is in any more, and lets packets in.</summary>
    /// <param name="unused">Class sets, with their elements.</param>
    /// <param name="write">What else goes into the transaction, before the chains are written anew.</param>
    public void Activate(IReadOnlyCollection<SetId> unused, Action<NftBatch> write)
    {
        Classes.ExceptWith(unused);
        Commit(batch =>
        {
            write(batch);
            WriteChains(batch);
            foreach (var id in unused)
            {
                batch.DeleteSet(schema.Set(id));
            }
        });
        IsActive = true;
    }

    /// <summary>Writes all chains and what hangs on the node anew: they are few, and one transaction swaps them without a gap.</summary>
    public void WriteChains(NftBatch batch)
    {
        var wanted = chainLayout.Build(Classes, _pods).ToList();
        var kept = wanted.Select(static chain => chain.Name).ToHashSet();
        foreach (var chain in wanted)
        {
            batch.AddChain(schema.Chain(chain));
        }

        foreach (var name in _chains)
        {
            batch.FlushChain(new NftChain(schema.Table, name));
        }

        foreach (var chain in wanted)
        {
            var place = schema.Chain(chain);
            foreach (var statements in chain.Rules)
            {
                batch.AddRule(place, rule => _rules.Write(rule, statements));
            }
        }

        foreach (var name in _chains.Where(name => !kept.Contains(name)))
        {
            batch.DeleteChain(new NftChain(schema.Table, name));
        }

        _chains.Clear();
        _chains.UnionWith(kept);
        WriteNode(batch);
    }

    /// <summary>What of an existing table is not as this version makes it, so that it cannot be changed into what is wanted; null if all is.</summary>
    public string? FindForeign(IReadOnlyList<NftSet> sets, IReadOnlyList<NftChain> chains)
    {
        var ours = ChainLayout.FixedSets().Select(schema.Set).ToDictionary(set => set.Name);
        foreach (var set in sets)
        {
            var mine = SetId.TryParseClass(set.Name, out var id) ? schema.Set(id) : ours.GetValueOrDefault(set.Name);
            if (mine is null || mine.KeyType != set.KeyType || mine.DataType != set.DataType || mine.Size != set.Size
                || (set.Flags & NftSetFlags.Interval) != (mine.Flags & NftSetFlags.Interval))
            {
                return $"set {set.Name}";
            }
        }

        var bases = chainLayout.Build([], LocalPodDetection.None).ToDictionary(static chain => chain.Name, static chain => chain.Base);
        return chains.Where(chain => bases.TryGetValue(chain.Name, out var place) && place != chain.Base)
            .Select(static chain => $"chain {chain.Name}").FirstOrDefault();
    }

    public void Dispose() => _batch.Dispose();

    private void WriteNode(NftBatch batch)
    {
        var (addresses, ranges) = (schema.Set(new(SetKind.NodePortAddresses)), schema.Set(new(SetKind.PodRanges)));
        Span<byte> first = stackalloc byte[16];
        Span<byte> last = stackalloc byte[16];
        batch.FlushSet(addresses);
        foreach (var address in _nodePortAddresses)
        {
            batch.AddElement(addresses, first[..address.WriteBytes(first)]);
        }

        batch.FlushSet(ranges);
        foreach (var range in _pods.Ranges.Where(range => range.Family == schema.Family))
        {
            batch.AddInterval(ranges, first[..range.Address.WriteBytes(first)], last[..ElementCodec.WriteLastAddress(range, last)]);
        }
    }
}
