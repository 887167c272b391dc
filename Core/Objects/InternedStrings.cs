using System.Collections.Immutable;

namespace ProxyFramework.Core.Objects;

/// <summary>
/// Strings that occur in many objects (namespaces, node names, zones, port names), so that each is held once. Bounded: a new string
/// takes the place of one that was not asked for lately, so nothing is kept for longer than it is of use, and an evicted string only
/// costs a second copy. Safe to use from several threads: a lost race costs a second copy too.
/// </summary>
public sealed class InternedStrings
{
    private const int Ways = 2;
    private const int MaxLength = 253;

    private readonly string?[] _strings;
    private readonly TopologyHints?[] _hints;

    /// <summary>A pool of about <paramref name="capacity"/> strings.</summary>
    /// <param name="capacity">At least 16; rounded up to a power of two. A slot costs 8 bytes.</param>
    public InternedStrings(int capacity = 16_384)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, 16);
        var slots = (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)capacity);
        _strings = new string?[slots];
        _hints = new TopologyHints?[256];
    }

    /// <summary>The one string of these characters; a new one, not held here, where there are more than 253.</summary>
    public string Get(ReadOnlySpan<char> characters)
    {
        if (characters.IsEmpty)
        {
            return "";
        }

        if (characters.Length > MaxLength)
        {
            return new string(characters);
        }

        var set = (string.GetHashCode(characters) & (_strings.Length - 1)) & ~(Ways - 1);
        if (_strings[set] is { } first && characters.SequenceEqual(first))
        {
            return first;
        }

        // The first way is the one used last; a string that is used again moves there, and the other one is the next to go.
        var found = _strings[set + 1] is { } second && characters.SequenceEqual(second) ? second : new string(characters);
        _strings[set + 1] = _strings[set];
        _strings[set] = found;
        return found;
    }

    /// <summary>The one object for these hints; null where there are none.</summary>
    internal TopologyHints? GetHints(ReadOnlySpan<string> zones, ReadOnlySpan<string> nodes)
    {
        if (zones.IsEmpty && nodes.IsEmpty)
        {
            return null;
        }

        var hash = HashCode.Combine(zones.IsEmpty ? null : zones[0], nodes.IsEmpty ? null : nodes[0], zones.Length, nodes.Length);
        ref var slot = ref _hints[hash & (_hints.Length - 1)];
        var found = slot;
        if (found is null || !found.Zones.AsSpan().SequenceEqual(zones) || !found.Nodes.AsSpan().SequenceEqual(nodes))
        {
            slot = found = new TopologyHints(ImmutableArray.Create(zones), ImmutableArray.Create(nodes));
        }

        return found;
    }
}
