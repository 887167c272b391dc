using System.Runtime.InteropServices;

namespace ProxyFramework.Backends.Nftables.Layout;

/// <summary>
/// The difference between what a service port had in force and what it is to have, where the kernel has what we believe. Reused;
/// not thread-safe.
/// </summary>
internal sealed class ElementDiff(ElementLayout layout, ElementUses uses) : IElementDiff
{
    private readonly List<Element> _before = [];
    private readonly List<Element> _after = [];
    private readonly Dictionary<ElementKey, ElementValue> _old = [];

    /// <summary>The elements of a change; shared ones are counted and appear only where the first use comes or the last goes.</summary>
    /// <inheritdoc/>
    public void Compute(in ServicePortChange change, List<Element> deletions, List<Element> additions)
    {
        _before.Clear();
        _after.Clear();
        _old.Clear();
        if (change.After is { } after)
        {
            layout.Add(after, _after);
        }

        if (change.Before is { } before)
        {
            layout.Add(before, _before);
        }

        // New uses of shared elements are counted first: one that goes and comes again is not touched.
        foreach (ref readonly var element in CollectionsMarshal.AsSpan(_after))
        {
            if (element.Key.Set.IsShared && uses.Take(element.Key))
            {
                additions.Add(element);
            }
        }

        foreach (ref readonly var element in CollectionsMarshal.AsSpan(_before))
        {
            if (!element.Key.Set.IsShared)
            {
                _old.Add(element.Key, element.Value);
            }
            else if (uses.Release(element.Key))
            {
                deletions.Add(element);
            }
        }

        foreach (ref readonly var element in CollectionsMarshal.AsSpan(_after))
        {
            if (element.Key.Set.IsShared)
            {
                continue;
            }

            if (!_old.Remove(element.Key, out var value))
            {
                additions.Add(element);
            }
            else if (value != element.Value)
            {
                deletions.Add(new(element.Key, value));
                additions.Add(element);
            }
        }

        foreach (var (key, value) in _old)
        {
            deletions.Add(new(key, value));
        }
    }
}
