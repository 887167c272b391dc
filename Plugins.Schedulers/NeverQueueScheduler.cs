using System.Collections.Immutable;

namespace ProxyFramework.Plugins.Schedulers;

/// <summary>
/// <c>nq</c>: an idle endpoint where there is one, even a light one, else the shortest expected delay (<c>sed</c>), as IPVS's scheduler of that
/// name (<c>net/netfilter/ipvs/ip_vs_nq.c</c>). Idle ones are taken in turn, where the kernel takes the first.
/// </summary>
public sealed class NeverQueueScheduler : IKernelScheduler
{
    /// <inheritdoc/>
    public string Name => "nq";

    /// <inheritdoc/>
    public bool NeedsLoads => true;

    /// <inheritdoc/>
    public string KernelName => "nq";

    /// <inheritdoc/>
    public uint KernelFlags => 0;

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">There is not one load for each endpoint.</exception>
    public IEndpointPicker CreatePicker(PickerContext context) => new Picker(
        LeastLoadedPicker.RequireLoads(context), new LeastLoadedPicker(context, isWeighted: true, expected: 1), (context.Previous as Picker)?.Turn ?? 0);

    private sealed class Picker(ImmutableArray<EndpointLoad> loads, LeastLoadedPicker busy, uint turn) : IEndpointPicker
    {
        private uint _turn = turn;

        public uint Turn => Volatile.Read(ref _turn);

        public int Pick(in ConnectionKey connection)
        {
            var start = (int)(Interlocked.Increment(ref _turn) % (uint)loads.Length);
            for (var seen = 0; seen < loads.Length; seen++)
            {
                var index = start + seen < loads.Length ? start + seen : start + seen - loads.Length;
                if (loads[index].ActiveConnections <= 0)
                {
                    return index;
                }
            }

            return busy.Pick(connection);
        }
    }
}
