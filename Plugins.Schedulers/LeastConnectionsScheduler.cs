using System.Collections.Immutable;

namespace ProxyFramework.Plugins.Schedulers;

/// <summary>
/// <c>lc</c>: the endpoint with the fewest open connections, whatever the weights, as IPVS's scheduler of that name
/// (<c>net/netfilter/ipvs/ip_vs_lc.c</c>). Among equals it goes round, where the kernel takes the first: short connections one
/// after the other would otherwise all go there.
/// </summary>
public sealed class LeastConnectionsScheduler : IKernelScheduler
{
    /// <inheritdoc/>
    public string Name => "lc";

    /// <inheritdoc/>
    public bool NeedsLoads => true;

    /// <inheritdoc/>
    public string KernelName => "lc";

    /// <inheritdoc/>
    public uint KernelFlags => 0;

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">There is not one load for each endpoint.</exception>
    public IEndpointPicker CreatePicker(PickerContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        return context.Loads.Length == context.Endpoints.Length
            ? new Picker(context.Loads, context.Previous is Picker previous ? previous.Turn : 0)
            : throw new ArgumentException("least connections needs a load for each endpoint", nameof(context));
    }

    private sealed class Picker(ImmutableArray<EndpointLoad> loads, uint turn) : IEndpointPicker
    {
        private uint _turn = turn;

        public uint Turn => Volatile.Read(ref _turn);

        public int Pick(in ConnectionKey connection)
        {
            var index = (int)(Interlocked.Increment(ref _turn) % (uint)loads.Length);
            var best = index;
            var fewest = int.MaxValue;
            for (var seen = 0; seen < loads.Length; seen++)
            {
                var active = loads[index].ActiveConnections;
                if (active < fewest)
                {
                    fewest = active;
                    best = index;
                }

                index = index + 1 == loads.Length ? 0 : index + 1;
            }

            return best;
        }
    }
}
