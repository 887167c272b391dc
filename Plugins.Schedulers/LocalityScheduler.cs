using System.Collections.Immutable;

namespace ProxyFramework.Plugins.Schedulers;

/// <summary>
/// <c>lblc</c>, locality-based least connections, for caches: an address that clients connect to stays with its endpoint, and moves to the one with
/// the fewest connections for its weight (<c>wlc</c>) when its own has more than its weight and another has less than half of its weight
/// (<c>net/netfilter/ipvs/ip_vs_lblc.c</c>). Where the kernel keeps an entry for each address, addresses here share a fixed number of them.
/// </summary>
public sealed class LocalityScheduler : IKernelScheduler
{
    /// <inheritdoc/>
    public string Name => "lblc";

    /// <inheritdoc/>
    public bool NeedsLoads => true;

    /// <inheritdoc/>
    public string KernelName => "lblc";

    /// <inheritdoc/>
    public uint KernelFlags => 0;

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">There is not one load for each endpoint.</exception>
    public IEndpointPicker CreatePicker(PickerContext context) => new Picker(LeastLoadedPicker.RequireLoads(context), context);

    private sealed class Picker : IEndpointPicker
    {
        private const int Entries = 256;

        private readonly ImmutableArray<EndpointLoad> _loads;
        private readonly ImmutableArray<Endpoint> _endpoints;
        private readonly LeastLoadedPicker _least;

        /// <summary>The endpoint of each entry; -1 for none yet.</summary>
        private readonly int[] _chosen = new int[Entries];

        public Picker(ImmutableArray<EndpointLoad> loads, PickerContext context)
        {
            _loads = loads;
            _endpoints = context.Endpoints;
            _least = new LeastLoadedPicker(context, isWeighted: true, expected: 0);
            Array.Fill(_chosen, -1);
            if (context.Previous is not Picker previous)
            {
                return;
            }

            for (var entry = 0; entry < Entries; entry++)
            {
                var before = Volatile.Read(ref previous._chosen[entry]);
                _chosen[entry] = before < 0 ? -1 : loads.IndexOf(previous._loads[before]);
            }
        }

        public int Pick(in ConnectionKey connection)
        {
            ref var chosen = ref _chosen[StableHash.Of(connection, HashedPart.Destination) % Entries];
            var index = Volatile.Read(ref chosen);
            if (index < 0 || IsOverloaded(index))
            {
                index = _least.Pick(connection);
                Volatile.Write(ref chosen, index);
            }

            return index;
        }

        private bool IsOverloaded(int index)
        {
            if (_loads[index].ActiveConnections <= _endpoints[index].Weight)
            {
                return false;
            }

            for (var other = 0; other < _loads.Length; other++)
            {
                if (_loads[other].ActiveConnections * 2L < _endpoints[other].Weight)
                {
                    return true;
                }
            }

            return false;
        }
    }
}
