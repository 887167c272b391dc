using System.Collections.Immutable;

namespace ProxyFramework.Plugins.Schedulers;

/// <summary>
/// <c>ring-hash</c>: consistent hashing by the client's address, with bounded loads: an endpoint that has more than its share of all connections
/// times the bound passes new clients on to the next of the ring (Mirrokni, Thorup, Zadimoghaddam, "Consistent Hashing with Bounded Loads",
/// SODA 2018). A change moves the clients of the endpoint that leaves, and few others.
/// </summary>
/// <remarks>
/// Options: <c>bound</c>, 1.01…10, 1.25 unless given, or <c>none</c>, with which it needs no counts and can be written as a table of slots;
/// <c>port</c> hashes the ports and the frontend too; <c>replicas</c>, the places on the ring of an endpoint of average weight, 1…1000, 160 unless given.
/// </remarks>
public sealed class RingHashScheduler : IConfigurableScheduler
{
    private const double DefaultBound = 1.25;
    private const int DefaultReplicas = 160;

    private readonly double _bound;
    private readonly int _replicas;
    private readonly HashedPart _part;

    /// <summary>The scheduler with its default options.</summary>
    public RingHashScheduler()
        : this(DefaultBound, DefaultReplicas, HashedPart.Source)
    {
    }

    private RingHashScheduler(double bound, int replicas, HashedPart part) => (_bound, _replicas, _part) = (bound, replicas, part);

    /// <inheritdoc/>
    public string Name => "ring-hash";

    /// <inheritdoc/>
    public bool NeedsLoads => true;

    /// <inheritdoc/>
    public IScheduler WithOptions(IReadOnlyDictionary<string, string> options)
    {
        var read = new SchedulerOptions(options, "bound", "port", "replicas");
        var part = read.Flag("port") ? HashedPart.Connection : HashedPart.Source;
        var replicas = read.WholeNumber("replicas", DefaultReplicas, 1, 1000);
        return read.Is("bound", "none")
            ? new UnboundedRingScheduler(Name, replicas, part)
            : new RingHashScheduler(read.Number("bound", DefaultBound, 1.01, 10), replicas, part);
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">There is not one load for each endpoint.</exception>
    public IEndpointPicker CreatePicker(PickerContext context) => new Picker(
        LeastLoadedPicker.RequireLoads(context), context.Endpoints, new HashRing(context.Endpoints, _replicas), _bound, _part);

    private sealed class Picker(
        ImmutableArray<EndpointLoad> loads, ImmutableArray<Endpoint> endpoints, HashRing ring, double bound, HashedPart part) : IEndpointPicker
    {
        private readonly long _weights = endpoints.Sum(endpoint => (long)endpoint.Weight);

        public int Pick(in ConnectionKey connection)
        {
            var all = 1L;
            foreach (var load in loads)
            {
                all += load.ActiveConnections;
            }

            var first = ring.PlaceOf(StableHash.Of(connection, part));
            for (var step = 0; step < ring.Length; step++)
            {
                var place = first + step;
                var owner = ring.OwnerOf(place < ring.Length ? place : place - ring.Length);
                if (loads[owner].ActiveConnections < Math.Ceiling(bound * all * endpoints[owner].Weight / _weights))
                {
                    return owner;
                }
            }

            // All bounds together are more than all connections; only while others are counted at the same moment it can seem otherwise.
            return ring.OwnerOf(first);
        }
    }
}
