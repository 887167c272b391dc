namespace ProxyFramework.Plugins.Schedulers;

/// <summary>
/// <c>lc</c>: the endpoint with the fewest open connections, whatever the weights, as IPVS's scheduler of that name
/// (<c>net/netfilter/ipvs/ip_vs_lc.c</c>).
/// </summary>
public sealed class LeastConnectionsScheduler : IKernelScheduler
{
    /// <inheritdoc/>
    public string Name => "lc";

    /// <inheritdoc/>
    public bool NeedsLoads => true;

    /// <inheritdoc/>
    public string KernelName => "lc";

    /// <inheritdoc/>
    public uint KernelFlags => 0;

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">There is not one load for each endpoint.</exception>
    public IEndpointPicker CreatePicker(PickerContext context) => new LeastLoadedPicker(context, isWeighted: false, expected: 0);
}
