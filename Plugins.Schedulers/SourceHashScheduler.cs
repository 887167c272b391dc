using System.Collections.Immutable;

namespace ProxyFramework.Plugins.Schedulers;

/// <summary>
/// <c>sh</c>: by a hash of the client's address, and of the ports and the frontend with the option <c>port</c>, in proportion to the weights;
/// after IPVS's scheduler of that name (<c>net/netfilter/ipvs/ip_vs_sh.c</c>). The same client has the same endpoint for as long as the group stays;
/// when it changes most clients move, which <c>mh</c> and <c>ring-hash</c> avoid.
/// </summary>
public sealed class SourceHashScheduler : ISlotScheduler, IKernelScheduler, IConfigurableScheduler
{
    private readonly bool _withPorts;

    /// <summary>The scheduler with its default options.</summary>
    public SourceHashScheduler()
    {
    }

    private SourceHashScheduler(bool withPorts) => _withPorts = withPorts;

    /// <inheritdoc/>
    public string Name => "sh";

    /// <inheritdoc/>
    public bool NeedsLoads => false;

    /// <inheritdoc/>
    public string KernelName => "sh";

    /// <inheritdoc/>
    public uint KernelFlags => KernelHashFlags.For(_withPorts);

    /// <inheritdoc/>
    public IScheduler WithOptions(IReadOnlyDictionary<string, string> options) =>
        new SourceHashScheduler(new SchedulerOptions(options, "port").Flag("port"));

    /// <inheritdoc/>
    public IEndpointPicker CreatePicker(PickerContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        return new HashedSlotsPicker(
            BuildSlots(context.Endpoints, WeightedSlots.PickerSlots(context.Endpoints)).Slots, _withPorts ? HashedPart.Connection : HashedPart.Source);
    }

    /// <summary>Slots in proportion to the weights, those of an endpoint side by side.</summary>
    /// <inheritdoc/>
    public SlotTable BuildSlots(ImmutableArray<Endpoint> endpoints, int maxSlots) => new(
        WeightedSlots.SideBySide(endpoints, maxSlots), _withPorts ? SlotSelector.ConnectionHash : SlotSelector.SourceHash);
}
