using System.Collections.Immutable;

namespace ProxyFramework.Plugins.Schedulers;

/// <summary>
/// <c>wrr</c>: in turn, each as often as its weight says, and spread evenly: weights 5, 1, 1 give a a b a c a a, not five times a
/// in a row. This is nginx's smooth weighted round robin (<c>ngx_http_upstream_get_peer</c>, since nginx 1.3.1): in each turn every
/// endpoint gains its weight, and the one that has gained most is picked and pays the sum of all weights.
/// </summary>
public sealed class WeightedRoundRobinScheduler : ISlotScheduler, IKernelScheduler
{
    /// <inheritdoc/>
    public string Name => "wrr";

    /// <inheritdoc/>
    public bool NeedsLoads => false;

    /// <summary>IPVS's own algorithm is an interleaved one (<c>net/netfilter/ipvs/ip_vs_wrr.c</c>); the shares are the same.</summary>
    public string KernelName => "wrr";

    /// <inheritdoc/>
    public uint KernelFlags => 0;

    /// <inheritdoc/>
    public IEndpointPicker CreatePicker(PickerContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        return new Picker(context.Endpoints, context.Previous as Picker);
    }

    /// <summary>Slots in proportion to the weights, in the order in which a picker would take them.</summary>
    /// <inheritdoc/>
    public SlotTable BuildSlots(ImmutableArray<Endpoint> endpoints, int maxSlots)
    {
        var shares = WeightedSlots.Apportion(endpoints, maxSlots);
        var smooth = new SmoothSequence(shares);
        var slots = ImmutableArray.CreateBuilder<ushort>(shares.Sum());
        while (slots.Count < slots.Capacity)
        {
            slots.Add((ushort)smooth.Next());
        }

        return new SlotTable(slots.MoveToImmutable(), SlotSelector.RoundRobin);
    }

    private sealed class Picker : IEndpointPicker
    {
        private readonly Lock _lock = new();
        private readonly ImmutableArray<Endpoint> _endpoints;
        private readonly SmoothSequence _sequence;

        public Picker(ImmutableArray<Endpoint> endpoints, Picker? previous)
        {
            _endpoints = endpoints;
            _sequence = new SmoothSequence([.. endpoints.Select(endpoint => (int)endpoint.Weight)]);
            previous?.CarryOver(this);
        }

        public int Pick(in ConnectionKey connection)
        {
            lock (_lock)
            {
                return _sequence.Next();
            }
        }

        /// <summary>Endpoints that stay with the same weight keep what they have gained or owe, so that a change restarts nothing.</summary>
        private void CarryOver(Picker successor)
        {
            var indexes = new Dictionary<Endpoint, int>(_endpoints.Length);
            for (var index = 0; index < _endpoints.Length; index++)
            {
                indexes[_endpoints[index]] = index;
            }

            lock (_lock)
            {
                for (var index = 0; index < successor._endpoints.Length; index++)
                {
                    if (indexes.TryGetValue(successor._endpoints[index], out var before))
                    {
                        successor._sequence.Start(index, _sequence.Balance(before));
                    }
                }
            }
        }
    }

    /// <summary>The algorithm itself. Not thread-safe.</summary>
    private sealed class SmoothSequence
    {
        private readonly int[] _weights;
        private readonly long[] _balances;
        private readonly long _total;

        public SmoothSequence(int[] weights)
        {
            _weights = weights;
            _balances = new long[weights.Length];
            foreach (var weight in weights)
            {
                _total += weight;
            }
        }

        public long Balance(int index) => _balances[index];

        /// <summary>A balance beyond the sum of the weights could not arise by itself, and would starve the endpoint for long.</summary>
        public void Start(int index, long balance) => _balances[index] = Math.Clamp(balance, -_total, _total);

        public int Next()
        {
            var best = 0;
            for (var index = 0; index < _weights.Length; index++)
            {
                _balances[index] += _weights[index];
                if (_balances[index] > _balances[best])
                {
                    best = index;
                }
            }

            _balances[best] -= _total;
            return best;
        }
    }
}
