namespace ProxyFramework.Host.Metrics;

/// <summary>
/// Which service ports in force have a Local traffic policy that finds no endpoint on this node although there are some elsewhere.
/// Kept up to date by change sets, so that a scrape does not walk all services. One caller.
/// </summary>
internal sealed class LocalPolicyGaps
{
    private static readonly IPFamily[] Families = [IPFamily.IPv4, IPFamily.IPv6];
    private static readonly bool[] Policies = [true, false];

    private readonly HashSet<ServicePortKey> _internal = [];
    private readonly HashSet<ServicePortKey> _external = [];

    /// <summary>How many there are, by family and by policy: of cluster IPs (internal), of all other frontends (external).</summary>
    public IEnumerable<(IPFamily Family, bool IsInternal, int Count)> Counts =>
        from family in Families
        from isInternal in Policies
        select (family, isInternal, (isInternal ? _internal : _external).Count(key => key.Family == family));

    /// <summary>Takes a change set that is in force.</summary>
    public void Apply(ServiceChangeSet changes)
    {
        if (changes.IsFull)
        {
            _internal.Clear();
            _external.Clear();
        }

        foreach (var change in changes.Changes)
        {
            Set(_internal, change, static frontend => frontend.Kind == FrontendKind.ClusterIP);
            Set(_external, change, static frontend => frontend.Kind != FrontendKind.ClusterIP);
        }
    }

    private static void Set(HashSet<ServicePortKey> gaps, ServicePortChange change, Func<Frontend, bool> isMeant)
    {
        if (change.After is { Local.Verdict: Verdict.Drop } after
            && after.Frontends.Any(frontend => isMeant(frontend) && frontend.Outside.Policy == TrafficPolicy.Local))
        {
            gaps.Add(change.Key);
        }
        else
        {
            gaps.Remove(change.Key);
        }
    }
}
