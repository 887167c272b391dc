namespace ProxyFramework.Plugins.Schedulers;

/// <summary>
/// <c>sed</c>: the endpoint that would have the fewest connections for its weight with this one, (connections + 1) / weight, as IPVS's
/// scheduler of that name (<c>net/netfilter/ipvs/ip_vs_sed.c</c>). Unlike <c>wlc</c> it prefers the heavier of two idle endpoints.
/// </summary>
public sealed class ShortestExpectedDelayScheduler : IKernelScheduler
{
    /// <inheritdoc/>
    public string Name => "sed";

    /// <inheritdoc/>
    public bool NeedsLoads => true;

    /// <inheritdoc/>
    public string KernelName => "sed";

    /// <inheritdoc/>
    public uint KernelFlags => 0;

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">There is not one load for each endpoint.</exception>
    public IEndpointPicker CreatePicker(PickerContext context) => new LeastLoadedPicker(context, isWeighted: true, expected: 1);
}
