using System.Collections.Immutable;

namespace ProxyFramework.Plugins.Schedulers;

/// <summary>
/// <c>ovf</c>: the endpoint with the highest weight until it has as many connections as its weight says, then the next: a weight is a capacity.
/// After IPVS's scheduler of that name (<c>net/netfilter/ipvs/ip_vs_ovf.c</c>), which takes one connection more, and refuses connections once all
/// endpoints are full, where this one goes on with the fewest connections for the weight.
/// </summary>
public sealed class OverflowScheduler : IKernelScheduler
{
    /// <inheritdoc/>
    public string Name => "ovf";

    /// <inheritdoc/>
    public bool NeedsLoads => true;

    /// <inheritdoc/>
    public string KernelName => "ovf";

    /// <inheritdoc/>
    public uint KernelFlags => 0;

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">There is not one load for each endpoint.</exception>
    public IEndpointPicker CreatePicker(PickerContext context) => new Picker(
        LeastLoadedPicker.RequireLoads(context), context.Endpoints, new LeastLoadedPicker(context, isWeighted: true, expected: 0));

    private sealed class Picker(ImmutableArray<EndpointLoad> loads, ImmutableArray<Endpoint> endpoints, LeastLoadedPicker least) : IEndpointPicker
    {
        /// <summary>The endpoints from the heaviest to the lightest, equals by address.</summary>
        private readonly int[] _order = [.. Enumerable.Range(0, endpoints.Length).OrderByDescending(index => endpoints[index].Weight)];

        public int Pick(in ConnectionKey connection)
        {
            foreach (var index in _order)
            {
                if (loads[index].ActiveConnections < endpoints[index].Weight)
                {
                    return index;
                }
            }

            return least.Pick(connection);
        }
    }
}
