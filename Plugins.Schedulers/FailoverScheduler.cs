using System.Collections.Immutable;

namespace ProxyFramework.Plugins.Schedulers;

/// <summary>
/// <c>fo</c>: the endpoint with the highest weight takes everything; when it is gone, the next. After IPVS's scheduler of that name
/// (<c>net/netfilter/ipvs/ip_vs_fo.c</c>). Among equals it is the first by address.
/// </summary>
public sealed class FailoverScheduler : ISlotScheduler, IKernelScheduler
{
    /// <inheritdoc/>
    public string Name => "fo";

    /// <inheritdoc/>
    public bool NeedsLoads => false;

    /// <inheritdoc/>
    public string KernelName => "fo";

    /// <inheritdoc/>
    public uint KernelFlags => 0;

    /// <inheritdoc/>
    public IEndpointPicker CreatePicker(PickerContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        return new Picker(Heaviest(context.Endpoints));
    }

    /// <summary>One slot.</summary>
    /// <inheritdoc/>
    public SlotTable BuildSlots(ImmutableArray<Endpoint> endpoints, int maxSlots)
    {
        WeightedSlots.CheckArguments(endpoints, maxSlots);
        return new SlotTable([(ushort)Heaviest(endpoints)], SlotSelector.Random);
    }

    private static int Heaviest(ImmutableArray<Endpoint> endpoints)
    {
        var heaviest = 0;
        for (var index = 1; index < endpoints.Length; index++)
        {
            heaviest = endpoints[index].Weight > endpoints[heaviest].Weight ? index : heaviest;
        }

        return heaviest;
    }

    private sealed class Picker(int heaviest) : IEndpointPicker
    {
        public int Pick(in ConnectionKey connection) => heaviest;
    }
}
