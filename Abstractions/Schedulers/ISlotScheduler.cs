using System.Collections.Immutable;

namespace ProxyFramework;

/// <summary>A scheduler that can be written down as a fixed table of slots: what a backend made of kernel rules can program.</summary>
public interface ISlotScheduler : IScheduler
{
    /// <summary>The table for a group of endpoints. The same input gives the same table.</summary>
    /// <param name="endpoints">The endpoints, at least one.</param>
    /// <param name="maxSlots">The largest number of slots that the backend can use, at least the number of endpoints.</param>
    SlotTable BuildSlots(ImmutableArray<Endpoint> endpoints, int maxSlots);
}

/// <summary>How a connection finds its slot.</summary>
public enum SlotSelector : byte
{
    /// <summary>Uniformly at random.</summary>
    Random,

    /// <summary>One after the other.</summary>
    RoundRobin,

    /// <summary>By a hash of the client's address: the same client, the same slot.</summary>
    SourceHash,

    /// <summary>By a hash of the client's address and port and the frontend's: the same connection, the same slot on every node.</summary>
    ConnectionHash,
}

/// <summary>Slots that hold indexes of endpoints; an endpoint's share is the share of its slots.</summary>
/// <param name="Slots">An index into the endpoints for each slot.</param>
/// <param name="Selector">How a connection finds its slot.</param>
public sealed record SlotTable(ImmutableArray<ushort> Slots, SlotSelector Selector);
