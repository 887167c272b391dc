using System.Collections.Immutable;

namespace ProxyFramework.Plugins.Schedulers;

/// <summary>
/// The endpoint with the fewest connections for its weight. Among equals it goes round, where the kernel takes the first: short
/// connections one after the other would otherwise all go there.
/// </summary>
internal sealed class LeastLoadedPicker : IEndpointPicker
{
    private readonly ImmutableArray<EndpointLoad> _loads;
    private readonly ImmutableArray<ushort> _weights;
    private readonly int _expected;
    private uint _turn;

    /// <param name="context">The endpoints, with loads.</param>
    /// <param name="isWeighted">Whether the weights count.</param>
    /// <param name="expected">Connections that each endpoint is taken to have besides those that it has: 1 looks at what would be.</param>
    /// <exception cref="ArgumentException">There is not one load for each endpoint.</exception>
    public LeastLoadedPicker(PickerContext context, bool isWeighted, int expected)
    {
        _loads = RequireLoads(context);
        _weights = [.. context.Endpoints.Select(endpoint => isWeighted ? endpoint.Weight : (ushort)1)];
        _expected = expected;
        _turn = context.Previous is LeastLoadedPicker previous ? Volatile.Read(ref previous._turn) : 0;
    }

    /// <summary>The loads of the endpoints.</summary>
    /// <exception cref="ArgumentException">There is not one load for each endpoint.</exception>
    public static ImmutableArray<EndpointLoad> RequireLoads(PickerContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        return context.Loads.Length == context.Endpoints.Length
            ? context.Loads
            : throw new ArgumentException("a scheduler that counts connections needs a load for each endpoint", nameof(context));
    }

    public int Pick(in ConnectionKey connection)
    {
        var index = (int)(Interlocked.Increment(ref _turn) % (uint)_loads.Length);
        var best = index;
        var (bestLoad, bestWeight) = ((long)int.MaxValue, 1L);
        for (var seen = 0; seen < _loads.Length; seen++)
        {
            long load = _loads[index].ActiveConnections + _expected;
            long weight = _weights[index];

            // load / weight < bestLoad / bestWeight, without dividing.
            if (load * bestWeight < bestLoad * weight)
            {
                (bestLoad, bestWeight, best) = (load, weight, index);
            }

            index = index + 1 == _loads.Length ? 0 : index + 1;
        }

        return best;
    }
}
