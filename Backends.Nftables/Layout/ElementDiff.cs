using System.Runtime.InteropServices;

namespace ProxyFramework.Backends.Nftables.Layout;

/// <summary>
/// The elements to delete and to add so that what one change set wants is in force. A value that changes is a deletion and an
/// addition of the same key, which one transaction makes a replacement without a moment in between. Reused; not thread-safe.
/// </summary>
internal sealed class ElementDiff(ElementLayout layout, ElementUses uses)
{
    private readonly List<Element> _before = [];
    private readonly List<Element> _after = [];
    private readonly Dictionary<ElementKey, ElementValue> _old = [];

    /// <summary>The elements of a change; shared ones are counted and appear only where the first use comes or the last goes.</summary>
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
