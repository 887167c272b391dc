using System.Collections.Immutable;

namespace ProxyFramework.Plugins.Schedulers;

/// <summary>
/// <c>mh</c>: Maglev hashing by the client's address, and by the ports and the frontend with the option <c>port</c>. Endpoints take turns in
/// filling a table, each at the next free place of an order of its own, so that shares are even and a change moves few clients (Eisenbud et al.,
/// "Maglev: A Fast and Reliable Software Network Load Balancer", NSDI 2016, §3.4; <c>net/netfilter/ipvs/ip_vs_mh.c</c>). An endpoint of weight 2 has
/// two turns where one of weight 1 has one.
/// </summary>
/// <remarks>Option <c>table</c>: the largest size of the table, 251…65521, 4093 unless given; it is rounded down to a prime.</remarks>
public sealed class MaglevScheduler : ISlotScheduler, IKernelScheduler, IConfigurableScheduler
{
    /// <summary>The kernel's own default (<c>CONFIG_IP_VS_MH_TAB_INDEX</c> = 12).</summary>
    private const int DefaultTable = 4093;

    private readonly bool _withPorts;
    private readonly int _table;

    /// <summary>The scheduler with its default options.</summary>
    public MaglevScheduler()
        : this(withPorts: false, DefaultTable)
    {
    }

    private MaglevScheduler(bool withPorts, int table) => (_withPorts, _table) = (withPorts, table);

    /// <inheritdoc/>
    public string Name => "mh";

    /// <inheritdoc/>
    public bool NeedsLoads => false;

    /// <inheritdoc/>
    public string KernelName => "mh";

    /// <inheritdoc/>
    public uint KernelFlags => KernelHashFlags.For(_withPorts);

    /// <inheritdoc/>
    public IScheduler WithOptions(IReadOnlyDictionary<string, string> options)
    {
        var read = new SchedulerOptions(options, "port", "table");
        return new MaglevScheduler(read.Flag("port"), read.WholeNumber("table", DefaultTable, 251, 65521));
    }

    /// <inheritdoc/>
    public IEndpointPicker CreatePicker(PickerContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        var slots = BuildSlots(context.Endpoints, Math.Max(_table, context.Endpoints.Length)).Slots;
        return new HashedSlotsPicker(slots, _withPorts ? HashedPart.Connection : HashedPart.Source);
    }

    /// <summary>The filled table: of a prime size, and never smaller than the number of endpoints.</summary>
    /// <inheritdoc/>
    public SlotTable BuildSlots(ImmutableArray<Endpoint> endpoints, int maxSlots)
    {
        WeightedSlots.CheckArguments(endpoints, maxSlots);
        var size = LargestPrime(Math.Min(maxSlots, Math.Max(_table, endpoints.Length)));
        return new SlotTable(
            Fill(endpoints, size >= endpoints.Length ? size : endpoints.Length),
            _withPorts ? SlotSelector.ConnectionHash : SlotSelector.SourceHash);
    }

    private static ImmutableArray<ushort> Fill(ImmutableArray<Endpoint> endpoints, int size)
    {
        var orders = endpoints.Select(endpoint => new Order(endpoint, size)).ToArray();
        var shares = WeightedSlots.Apportion(endpoints, size);
        var rounds = shares.Max();
        var table = new ushort[size];
        var taken = new bool[size];
        var filled = 0;
        for (var round = 0L; ; round++)
        {
            for (var index = 0; index < orders.Length; index++)
            {
                // Turns spread evenly: a share of 1 has one in so many rounds as the largest share has turns.
                if ((round + 1) * shares[index] / rounds == round * shares[index] / rounds)
                {
                    continue;
                }

                var place = orders[index].Next();
                while (taken[place])
                {
                    place = orders[index].Next();
                }

                (table[place], taken[place]) = ((ushort)index, true);
                if (++filled == size)
                {
                    return [.. table];
                }
            }
        }
    }

    private static int LargestPrime(int atMost)
    {
        var candidate = atMost;
        while (candidate > 2 && !IsPrime(candidate))
        {
            candidate--;
        }

        return candidate;
    }

    private static bool IsPrime(int number)
    {
        for (var divisor = 2; divisor * divisor <= number; divisor++)
        {
            if (number % divisor == 0)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>An endpoint's order of all places: <c>(offset + j × skip) mod size</c>, which visits each once as skip and size have no common divisor.</summary>
    private sealed class Order
    {
        private readonly int _size;
        private readonly int _skip = 1;
        private int _next;

        public Order(Endpoint endpoint, int size)
        {
            _size = size;
            var hash = StableHash.Of(endpoint);
            _next = (int)(StableHash.Of(hash, 0) % (uint)size);
            if (size > 2)
            {
                _skip = (int)(StableHash.Of(hash, 1) % (uint)(size - 1)) + 1;
                while (WeightedSlots.GreatestCommonDivisor(_skip, size) != 1)
                {
                    _skip = _skip == size - 1 ? 1 : _skip + 1;
                }
            }
        }

        public int Next()
        {
            var place = _next;
            _next = (_next + _skip) % _size;
            return place;
        }
    }
}
