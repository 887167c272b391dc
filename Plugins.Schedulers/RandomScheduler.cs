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
    public SlotTable BuildSlots(ImmutableArray<Endpoint> endpoints, int maxSlots)
    {
        var shares = WeightedSlots.Apportion(endpoints, maxSlots);
        return new SlotTable(
            [.. shares.SelectMany((share, index) => Enumerable.Repeat((ushort)index, share))], SlotSelector.Random);
    }

    private sealed class Picker : IEndpointPicker
    {
        private readonly Random _random;

        /// <summary>For each endpoint the sum of the weights up to it, its own included.</summary>
        private readonly long[] _bounds;

        public Picker(ImmutableArray<Endpoint> endpoints, Random random)
        {
            _random = random;
            _bounds = new long[endpoints.Length];
            var sum = 0L;
            for (var index = 0; index < endpoints.Length; index++)
            {
                sum += endpoints[index].Weight;
                _bounds[index] = sum;
            }
        }

        public int Pick(in ConnectionKey connection)
        {
            // The first bound above the drawn number: an exact hit belongs to the next endpoint.
            var found = Array.BinarySearch(_bounds, _random.NextInt64(_bounds[^1]));
            return found < 0 ? ~found : found + 1;
        }
    }
}
