using System.Collections.Immutable;
using ProxyFramework;

namespace Acme.Example;

/// <summary>
/// Of two endpoints taken at random, the one with fewer connections: nearly as even as asking all of them, at the cost of asking two
/// (Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing").
/// </summary>
public sealed class TwoChoicesScheduler : IScheduler
{
    /// <inheritdoc/>
    public string Name => "acme-two-choices";

    /// <summary>A backend that counts no connections refuses it, and says so, instead of picking blindly.</summary>
    public bool NeedsLoads => true;

    /// <inheritdoc/>
    public IEndpointPicker CreatePicker(PickerContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        return new Picker(context.Loads);
    }

    /// <summary>Called from many threads at once: it has no state but the counters, which the backend keeps.</summary>
    private sealed class Picker(ImmutableArray<EndpointLoad> loads) : IEndpointPicker
    {
        public int Pick(in ConnectionKey connection)
        {
            var one = Random.Shared.Next(loads.Length);
            var other = Random.Shared.Next(loads.Length);
            return loads[one].ActiveConnections <= loads[other].ActiveConnections ? one : other;
        }
    }
}
