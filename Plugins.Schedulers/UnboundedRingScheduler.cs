using System.Collections.Immutable;

namespace ProxyFramework.Plugins.Schedulers;

/// <summary><see cref="RingHashScheduler"/> with <c>bound=none</c>: the ring alone, which a table of slots can stand for.</summary>
internal sealed class UnboundedRingScheduler(string name, int replicas, HashedPart part) : ISlotScheduler
{
    /// <inheritdoc/>
    public string Name => name;

    /// <inheritdoc/>
    public bool NeedsLoads => false;

    /// <inheritdoc/>
    public IEndpointPicker CreatePicker(PickerContext context) => new Picker(new HashRing(context.Endpoints, replicas), part);

    /// <summary>The owners of evenly spaced points of the ring.</summary>
    /// <inheritdoc/>
    public SlotTable BuildSlots(ImmutableArray<Endpoint> endpoints, int maxSlots)
    {
        WeightedSlots.CheckArguments(endpoints, maxSlots);
        var ring = new HashRing(endpoints, replicas);
        var gap = ulong.MaxValue / (uint)maxSlots;
        return new SlotTable(
            [.. Enumerable.Range(0, maxSlots).Select(slot => (ushort)ring.OwnerOf(ring.PlaceOf(gap * (uint)slot)))],
            part == HashedPart.Source ? SlotSelector.SourceHash : SlotSelector.ConnectionHash);
    }

    private sealed class Picker(HashRing ring, HashedPart part) : IEndpointPicker
    {
        public int Pick(in ConnectionKey connection) => ring.OwnerOf(ring.PlaceOf(StableHash.Of(connection, part)));
    }
}
