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
    private readonly Dictionary<ElementKey, int> _uses = [];

    /// <summary>The elements of a change; shared ones are counted and appear only where the first use comes or the last goes.</summary>
    /// <inheritdoc/>
    public void Compute(in ServicePortChange change, List<Element> deletions, List<Element> additions)
    {
        _before.Clear();
        _after.Clear();
        _old.Clear();
        _uses.Clear();
        if (change.After is { } wanted)
        {
            layout.Add(wanted, _after);
        }

        if (change.Before is { } inForce)
        {
            layout.Add(inForce, _before);
        }

        // The counts of all shared elements are a large table: what stays as it is does not come near it.
        ReadOnlySpan<Element> before = CollectionsMarshal.AsSpan(_before);
        ReadOnlySpan<Element> after = CollectionsMarshal.AsSpan(_after);
        DropCommonEnds(ref before, ref after);
        foreach (ref readonly var element in before)
        {
            if (element.Key.Set.IsShared)
            {
                CollectionsMarshal.GetValueRefOrAddDefault(_uses, element.Key, out _)--;
            }
            else
            {
                _old.Add(element.Key, element.Value);
            }
        }

        foreach (ref readonly var element in after)
        {
            if (element.Key.Set.IsShared)
            {
                CollectionsMarshal.GetValueRefOrAddDefault(_uses, element.Key, out _)++;
            }
            else if (!_old.Remove(element.Key, out var value))
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

        foreach (var (key, difference) in _uses)
        {
            if (difference != 0 && uses.Change(key, difference) is var edge and not 0)
            {
                (edge > 0 ? additions : deletions).Add(new(key));
            }
        }
    }

    private static void DropCommonEnds(ref ReadOnlySpan<Element> before, ref ReadOnlySpan<Element> after)
    {
        var common = before.CommonPrefixLength(after);
        before = before[common..];
        after = after[common..];
        common = 0;
        while (common < Math.Min(before.Length, after.Length) && before[^(common + 1)] == after[^(common + 1)])
        {
            common++;
        }

        before = before[..^common];
        after = after[..^common];
    }
}
