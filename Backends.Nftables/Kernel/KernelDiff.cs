using System.Runtime.InteropServices;
using ProxyFramework.Backends.Nftables.Layout;
using ProxyFramework.KernelBackends;
using ProxyFramework.Netlink.NfTables;

namespace ProxyFramework.Backends.Nftables.Kernel;

/// <summary>
/// The difference between what the kernel has and what is wanted, for a table that is adopted: after a start, and where others
/// changed it. Each set is read when it is first asked for. What a service port had before is not asked.
/// </summary>
internal sealed class KernelDiff : IElementDiff
{
    private readonly NftNetlink _nft;
    private readonly TableSchema _schema;
    private readonly ElementLayout _layout;
    private readonly ElementUses _uses;
    private readonly Dictionary<string, NftSet> _existing;
    private readonly Dictionary<SetId, KernelSet?> _read = [];
    private readonly List<Element> _wanted = [];

    /// <summary>A difference to a table.</summary>
    /// <param name="nft">Reads sets.</param>
    /// <param name="schema">Their types.</param>
    /// <param name="layout">Translates service ports.</param>
    /// <param name="uses">Counts shared elements, from nothing.</param>
    /// <param name="existing">The sets that the kernel has.</param>
    public KernelDiff(NftNetlink nft, TableSchema schema, ElementLayout layout, ElementUses uses, IEnumerable<NftSet> existing)
    {
        _nft = nft;
        _schema = schema;
        _layout = layout;
        _uses = uses;
        _existing = existing.ToDictionary(set => set.Name);
    }

    /// <summary>The elements of the sets that were read that nobody wanted.</summary>
    public IEnumerable<(SetId Id, ReadOnlyMemory<byte> Key)> Unwanted =>
        _read.SelectMany(static read => read.Value is null ? [] : read.Value.Unwanted.Select(key => (read.Key, key)));

    /// <summary>Reads a set although nothing may be wanted of it.</summary>
    public void Read(SetId id) => Find(id);

    /// <inheritdoc/>
    public void Compute(in ServicePortChange change, List<Element> deletions, List<Element> additions)
    {
        if (change.After is not { } after)
        {
            return;
        }

        _wanted.Clear();
        _layout.Add(after, _wanted);
        Span<byte> key = stackalloc byte[ElementCodec.MaxKey];
        Span<byte> data = stackalloc byte[ElementCodec.MaxData];
        foreach (ref readonly var element in CollectionsMarshal.AsSpan(_wanted))
        {
            if (element.Key.Set.IsShared && _uses.Change(element.Key, 1) == 0)
            {
                continue;
            }

            if (Find(element.Key.Set) is not { } set || !set.Want(key[..ElementCodec.WriteKey(element.Key, key)], out var inKernel))
            {
                additions.Add(element);
            }
            else if (!inKernel.SequenceEqual(data[..ElementCodec.WriteData(element, data)]))
            {
                deletions.Add(element);
                additions.Add(element);
            }
        }
    }

    private KernelSet? Find(SetId id)
    {
        if (_read.TryGetValue(id, out var read))
        {
            return read;
        }

        if (_existing.ContainsKey(_schema.Set(id).Name))
        {
            read = new KernelSet(_schema.Set(id));
            _nft.ReadElements(read.Set, read);
        }

        _read.Add(id, read);
        return read;
    }
}
