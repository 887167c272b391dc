using System.Collections.Immutable;

namespace ProxyFramework.Plugins.Schedulers;

/// <summary>
/// <c>random</c>: an endpoint at random, in proportion to the weights. Needs no agreement between the nodes of a cluster, which
/// round robin lacks too: many nodes that all start at the first endpoint load that one first.
/// </summary>
public sealed class RandomScheduler : ISlotScheduler
{
    private readonly Random _random;

    /// <summary>A scheduler that uses the thread-safe generator of the runtime.</summary>
    public RandomScheduler()
        : this(Random.Shared)
    {
    }

    internal RandomScheduler(Random random) => _random = random;

    /// <inheritdoc/>
    public string Name => "random";

    /// <inheritdoc/>
    public bool NeedsLoads => false;

    /// <inheritdoc/>
    public IEndpointPicker CreatePicker(PickerContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        return new Picker(context.Endpoints, _random);
    }

    /// <summary>Slots in proportion to the weights.</summary>
    /// <inheritdoc/>
    public SlotTable BuildSlots(ImmutableArray<Endpoint> endpoints, int maxSlots) =>
        new(WeightedSlots.SideBySide(endpoints, maxSlots), SlotSelector.Random);

    private sealed class Picker(ImmutableArray<Endpoint> endpoints, Random random) : IEndpointPicker
    {
        private readonly WeightedDraw _draw = new(endpoints, random);

        public int Pick(in ConnectionKey connection) => _draw.One();
    }
}
