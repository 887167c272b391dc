using System.Collections.Immutable;

namespace ProxyFramework.Plugins.Schedulers;

/// <summary>
/// <c>p2c</c>: of two endpoints drawn by weight, the one with fewer connections for its weight. Nearly as even as asking all of them, at the
/// cost of asking two, and without the herd that runs for the same one (Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing",
/// IEEE TPDS 12(10), 2001).
/// </summary>
public sealed class PowerOfTwoChoicesScheduler : IScheduler
{
    private readonly Random _random;

    /// <summary>A scheduler that uses the thread-safe generator of the runtime.</summary>
    public PowerOfTwoChoicesScheduler()
        : this(Random.Shared)
    {
    }

    internal PowerOfTwoChoicesScheduler(Random random) => _random = random;

    /// <inheritdoc/>
    public string Name => "p2c";

    /// <inheritdoc/>
    public bool NeedsLoads => true;

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">There is not one load for each endpoint.</exception>
    public IEndpointPicker CreatePicker(PickerContext context) =>
        new Picker(LeastLoadedPicker.RequireLoads(context), context.Endpoints, _random);

    private sealed class Picker(ImmutableArray<EndpointLoad> loads, ImmutableArray<Endpoint> endpoints, Random random) : IEndpointPicker
    {
        private readonly WeightedDraw _draw = new(endpoints, random);

        public int Pick(in ConnectionKey connection)
        {
            var (first, second) = _draw.Two();
            return (long)loads[second].ActiveConnections * endpoints[first].Weight < (long)loads[first].ActiveConnections * endpoints[second].Weight
                ? second
                : first;
        }
    }
}
