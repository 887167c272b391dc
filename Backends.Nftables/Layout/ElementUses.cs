using System.Runtime.InteropServices;

namespace ProxyFramework.Backends.Nftables.Layout;

/// <summary>Counts how many times each shared element (a cluster IP, an endpoint's hairpin) is wanted.</summary>
internal sealed class ElementUses
{
    private readonly Dictionary<ElementKey, int> _counts = [];
    private readonly List<(ElementKey Key, int Change)> _journal = [];

    /// <summary>Counts a use.</summary>
    /// <returns>Whether it is the first, so that the element must be added.</returns>
    public bool Take(in ElementKey key)
    {
        _journal.Add((key, 1));
        return Change(key, 1) == 1;
    }

    /// <summary>Counts a use off.</summary>
    /// <returns>Whether it was the last, so that the element must be deleted.</returns>
    /// <exception cref="InvalidOperationException">There was no use.</exception>
    public bool Release(in ElementKey key)
    {
        _journal.Add((key, -1));
        return Change(key, -1) == 0;
    }

    /// <summary>What was counted since the last call is in force.</summary>
    public void Commit() => _journal.Clear();

    /// <summary>What was counted since the last <see cref="Commit"/> did not come into force.</summary>
    public void RollBack()
    {
        for (var i = _journal.Count - 1; i >= 0; i--)
        {
            Change(_journal[i].Key, -_journal[i].Change);
        }

        _journal.Clear();
    }

    /// <summary>Forgets all uses, before everything is counted anew.</summary>
    public void Clear()
    {
        _counts.Clear();
        _journal.Clear();
    }

    private int Change(in ElementKey key, int change)
    {
        ref var count = ref CollectionsMarshal.GetValueRefOrAddDefault(_counts, key, out _);
        count += change;
        if (count > 0)
        {
            return count;
        }

        return count == 0 && _counts.Remove(key)
            ? 0
            : throw new InvalidOperationException($"an element of {key.Set.Name} is released more often than it was taken");
    }
}
