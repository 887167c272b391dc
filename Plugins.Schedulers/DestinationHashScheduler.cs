namespace ProxyFramework.Plugins.Schedulers;

/// <summary>
/// <c>dh</c>: by a hash of the address that the client connected to, in proportion to the weights; after IPVS's scheduler of that name
/// (<c>net/netfilter/ipvs/ip_vs_dh.c</c>). Each of a service's addresses has its endpoint: a service with one address has one.
/// </summary>
public sealed class DestinationHashScheduler : IKernelScheduler
{
    /// <inheritdoc/>
    public string Name => "dh";

    /// <inheritdoc/>
    public bool NeedsLoads => false;

    /// <inheritdoc/>
    public string KernelName => "dh";

    /// <inheritdoc/>
    public uint KernelFlags => 0;

    /// <inheritdoc/>
    public IEndpointPicker CreatePicker(PickerContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        return new HashedSlotsPicker(
            WeightedSlots.SideBySide(context.Endpoints, WeightedSlots.PickerSlots(context.Endpoints)), HashedPart.Destination);
    }
}
