namespace ProxyFramework.Core.Health;

/// <summary>The proxy's health at one moment. Immutable.</summary>
public sealed record ProxyHealthReport
{
    /// <summary>When it was taken.</summary>
    public required DateTimeOffset CurrentTime { get; init; }

    /// <summary>When what is in force was last known to be what is wanted; null before the first time.</summary>
    public required DateTimeOffset? LastUpdated { get; init; }

    /// <summary>Whether what is in force is up to date, or has been out of date for no longer than is normal: <c>/livez</c>.</summary>
    public required bool IsLive { get; init; }

    /// <summary>Whether this node should get new connections from load balancers.</summary>
    public required bool IsNodeEligible { get; init; }

    /// <summary>Both: <c>/healthz</c>.</summary>
    public bool IsHealthy => IsLive && IsNodeEligible;

    /// <summary>Why it is not healthy, for people; null where it is.</summary>
    public required string? Reason { get; init; }
}
