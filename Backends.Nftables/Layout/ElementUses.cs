using System.Runtime.InteropServices;

namespace ProxyFramework.Backends.Nftables.Layout;

/// <summary>Counts how many times each shared element (a cluster IP, an endpoint's hairpin) is wanted.</summary>
internal sealed class ElementUses
{
    private readonly Dictionary<ElementKey, int> _counts = [];

    /// <summary>The elements that are wanted.</summary>
    public IReadOnlyCollection<ElementKey> Keys => _counts.Keys;

    /// <summary>Counts a use.</summary>
    /// <returns>Whether it is the first, so that the element must be added.</returns>
    public bool Take(in ElementKey key) => ++CollectionsMarshal.GetValueRefOrAddDefault(_counts, key, out _) == 1;

    /// <summary>Counts a use off.</summary>
    /// <returns>Whether it was the last, so that the element must be deleted.</returns>
    /// <exception cref="InvalidOperationException">There was no use.</exception>
    public bool Release(in ElementKey key)
    {
        ref var count = ref CollectionsMarshal.GetValueRefOrNullRef(_counts, key);
        if (System.Runtime.CompilerServices.Unsafe.IsNullRef(ref count))
        {
            throw new InvalidOperationException($"element of {key.Set.Name} is released more often than it was taken");
        }

        return --count == 0 && _counts.Remove(key);
    }

    /// <summary>Forgets all uses, before a full change set counts anew.</summary>
    public void Clear() => _counts.Clear();
}
