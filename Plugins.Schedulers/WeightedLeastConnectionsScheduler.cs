namespace ProxyFramework.Plugins.Schedulers;

/// <summary>
/// <c>wlc</c>: the endpoint with the fewest open connections for its weight, as IPVS's scheduler of that name
/// (<c>net/netfilter/ipvs/ip_vs_wlc.c</c>).
/// </summary>
public sealed class WeightedLeastConnectionsScheduler : IKernelScheduler
{
    /// <inheritdoc/>
    public string Name => "wlc";

    /// <inheritdoc/>
    public bool NeedsLoads => true;

    /// <inheritdoc/>
    public string KernelName => "wlc";

    /// <inheritdoc/>
    public uint KernelFlags => 0;

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">There is not one load for each endpoint.</exception>
    public IEndpointPicker CreatePicker(PickerContext context) => new LeastLoadedPicker(context, isWeighted: true, expected: 0);
}
