namespace ProxyFramework.Backends.Userspace;

/// <summary>How new connections of one service port are balanced. Immutable; replaced whole at each change.</summary>
internal sealed class Routing
{
    public required ServicePort Service { get; init; }

    public required Balancer Cluster { get; init; }

    public required Balancer Local { get; init; }

    public required ServiceOptions Options { get; init; }

    /// <summary>How long a client stays with its endpoint, in units of the clock's timestamps; 0 for no affinity.</summary>
    public required long AffinityTicks { get; init; }

    public Balancer BalancerFor(TrafficPolicy policy) => policy == TrafficPolicy.Local ? Local : Cluster;
}
