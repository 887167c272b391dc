using System.Buffers;
using System.Runtime.InteropServices;
using ProxyFramework.Backends.Nftables.Layout;
using ProxyFramework.Netlink.NfTables;

namespace ProxyFramework.Backends.Nftables.Kernel;

/// <summary>
/// Changes of service ports that come into force together: which elements each of them deletes and adds, and whose an element is
/// that the kernel refuses. Reused; not thread-safe.
/// </summary>
internal sealed class Transaction(TableSchema schema, ElementCodec codec)
{
    private readonly List<Element> _deletions = [];
    private readonly List<Element> _additions = [];
    private readonly List<Entry> _entries = [];
    private readonly List<Entry> _sorted = [];

    /// <summary>The changes.</summary>
    public List<ServicePortChange> Changes { get; } = [];

    /// <summary>The number of elements that change.</summary>
    public int ElementCount => _deletions.Count + _additions.Count;

    /// <summary>Forgets everything.</summary>
    public void Reset()
    {
        Changes.Clear();
        _deletions.Clear();
        _additions.Clear();
        _entries.Clear();
        _sorted.Clear();
    }

    /// <summary>Adds a change.</summary>
    /// <exception cref="Exception">A scheduler failed; nothing was added.</exception>
    public void Add(in ServicePortChange change, IElementDiff diff)
    {
        var (deletions, additions) = (_deletions.Count, _additions.Count);
        try
        {
            diff.Compute(change, _deletions, _additions);
        }
        catch
        {
            CollectionsMarshal.SetCount(_deletions, deletions);
            CollectionsMarshal.SetCount(_additions, additions);
            throw;
        }

        for (; deletions < _deletions.Count; deletions++)
        {
            _entries.Add(new Entry(2 * schema.Order(_deletions[deletions].Key.Set), deletions, Changes.Count));
        }

        for (; additions < _additions.Count; additions++)
        {
            _entries.Add(new Entry((2 * schema.Order(_additions[additions].Key.Set)) + 1, additions, Changes.Count));
        }

        Changes.Add(change);
    }

    /// <summary>The class sets of elements that are added.</summary>
    public IEnumerable<SetId> AddedClasses() => _additions.Where(element => element.Key.Set.Kind == SetKind.Class).Select(element => element.Key.Set).Distinct();

    /// <summary>Writes the elements: set by set, what goes before what comes.</summary>
    public void Write(NftBatch batch)
    {
        Sort();
        var deletions = CollectionsMarshal.AsSpan(_deletions);
        var additions = CollectionsMarshal.AsSpan(_additions);
        foreach (var entry in CollectionsMarshal.AsSpan(_sorted))
        {
            if (entry.Order % 2 == 0)
            {
                codec.Delete(batch, deletions[entry.Index].Key);
                continue;
            }

            ref readonly var element = ref additions[entry.Index];
            codec.Add(batch, element, element.Key.Set.HasComments ? Comment(Changes[entry.Change].Key) : default);
        }
    }

    /// <summary>Whose an element of the last written batch is.</summary>
    /// <param name="element"><see cref="NftError.Element"/>, counted from the first element that <see cref="Write"/> wrote.</param>
    public ServicePortKey? OwnerOf(int element) => element >= 0 && element < _sorted.Count ? Changes[_sorted[element].Change].Key : null;

    /// <summary>By set, in the order in which they came: there are few sets and many elements, so each goes straight to its place.</summary>
    private void Sort()
    {
        var places = ArrayPool<int>.Shared.Rent((2 * schema.Orders) + 1);
        places.AsSpan().Clear();
        foreach (var entry in CollectionsMarshal.AsSpan(_entries))
        {
            places[entry.Order + 1]++;
        }

        for (var order = 1; order <= 2 * schema.Orders; order++)
        {
            places[order] += places[order - 1];
        }

        CollectionsMarshal.SetCount(_sorted, _entries.Count);
        var sorted = CollectionsMarshal.AsSpan(_sorted);
        foreach (var entry in CollectionsMarshal.AsSpan(_entries))
        {
            sorted[places[entry.Order]++] = entry;
        }

        ArrayPool<int>.Shared.Return(places);
    }

    private static string Comment(in ServicePortKey key) => key.PortName.Length == 0 ? key.Service.ToString() : $"{key.Service}:{key.PortName}";

    /// <param name="Order">By which entries are sorted: the set's number, twice, and one more for what is added.</param>
    /// <param name="Index">Where the element is.</param>
    /// <param name="Change">The change that it belongs to.</param>
    private readonly record struct Entry(int Order, int Index, int Change);
}
