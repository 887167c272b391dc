using System.Runtime.InteropServices;

namespace ProxyFramework.Backends.Nftables.Layout;

/// <summary>Counts how many times each shared element (a cluster IP, an endpoint's hairpin) is wanted: each is an address in a set.</summary>
internal sealed class ElementUses
{
    private readonly Dictionary<(SetKind Kind, InetAddress Address), int> _counts = [];
    private readonly List<((SetKind Kind, InetAddress Address) Element, int Change)> _journal = [];

    /// <summary>Counts uses on or off.</summary>
    /// <param name="key">A key of a shared set.</param>
    /// <param name="change">How many uses come; negative where they go.</param>
    /// <returns>1 where there was none before, so that the element must be added; -1 where none is left, so that it must be deleted; else 0.</returns>
    /// <exception cref="InvalidOperationException">More uses go than there were.</exception>
    public int Change(in ElementKey key, int change)
    {
        var element = (key.Set.Kind, key.Frontend.Address);
        var count = Count(element, change);
        _journal.Add((element, change));
        return change > 0 && count == change ? 1 : change < 0 && count == 0 ? -1 : 0;
    }

    /// <summary>What was counted since the last call is in force.</summary>
    public void Commit() => _journal.Clear();

    /// <summary>What was counted since the last <see cref="Commit"/> did not come into force.</summary>
    public void RollBack()
    {
        for (var i = _journal.Count - 1; i >= 0; i--)
        {
            Count(_journal[i].Element, -_journal[i].Change);
        }

        _journal.Clear();
    }

    /// <summary>Forgets all uses, before everything is counted anew.</summary>
    public void Clear()
    {
        _counts.Clear();
        _journal.Clear();
    }

    private int Count(in (SetKind Kind, InetAddress Address) element, int change)
    {
        ref var count = ref CollectionsMarshal.GetValueRefOrAddDefault(_counts, element, out _);
        count += change;
        if (count > 0)
        {
            return count;
        }

        return count == 0 && _counts.Remove(element)
            ? 0
            : throw new InvalidOperationException($"{element.Address} in {element.Kind} is released more often than it was taken");
    }
}
