using System.Collections.Immutable;

namespace ProxyFramework.Plugins.Schedulers;

/// <summary>
/// <c>rr</c>: one endpoint after the other, whatever their weights. As IPVS's scheduler of that name
/// (<c>net/netfilter/ipvs/ip_vs_rr.c</c>).
/// </summary>
public sealed class RoundRobinScheduler : ISlotScheduler, IKernelScheduler
{
    /// <inheritdoc/>
    public string Name => "rr";

    /// <inheritdoc/>
    public bool NeedsLoads => false;

    /// <inheritdoc/>
    public string KernelName => "rr";

    /// <inheritdoc/>
    public uint KernelFlags => 0;

    /// <inheritdoc/>
    public IEndpointPicker CreatePicker(PickerContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        return new Picker(context.Endpoints, context.Previous is Picker previous ? previous.PositionIn(context.Endpoints) : 0);
    }

    /// <summary>One slot an endpoint.</summary>
    /// <inheritdoc/>
    public SlotTable BuildSlots(ImmutableArray<Endpoint> endpoints, int maxSlots)
    {
        WeightedSlots.CheckArguments(endpoints, maxSlots);
        return new SlotTable([.. Enumerable.Range(0, endpoints.Length).Select(index => (ushort)index)], SlotSelector.RoundRobin);
    }

    private sealed class Picker(ImmutableArray<Endpoint> endpoints, int start) : IEndpointPicker
    {
        private ulong _next = (ulong)start;

        public int Pick(in ConnectionKey connection) =>
            (int)((Interlocked.Increment(ref _next) - 1) % (ulong)endpoints.Length);

        /// <summary>
        /// Where a changed group goes on. Groups are ordered, so it is at the endpoint whose turn it is, or where that is gone, at
        /// the next; starting over at each change would favour the first endpoints of a group that changes often.
        /// </summary>
        public int PositionIn(ImmutableArray<Endpoint> changed)
        {
            var turn = endpoints[(int)(Volatile.Read(ref _next) % (ulong)endpoints.Length)];
            for (var index = 0; index < changed.Length; index++)
            {
                var order = changed[index].Address.CompareTo(turn.Address);
                if (order > 0 || (order == 0 && changed[index].Port >= turn.Port))
                {
                    return index;
                }
            }

            return 0;
        }
    }
}
