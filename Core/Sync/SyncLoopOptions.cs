namespace ProxyFramework.Core.Sync;

/// <summary>The times that the sync loop keeps; see the members of the same name of <see cref="ServiceProxyOptions"/>.</summary>
public sealed record SyncLoopOptions
{
    /// <summary>The time between the starts of two change sets at least.</summary>
    public TimeSpan MinSyncPeriod { get; init; } = TimeSpan.FromMilliseconds(10);

    /// <summary>How long the loop rests at most after a change set, in which others gather, where the backend is slow.</summary>
    public TimeSpan MaxSyncDelay { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>The time between two full change sets; zero for never.</summary>
    public TimeSpan SyncPeriod { get; init; } = TimeSpan.FromHours(1);

    /// <summary>How long one call of the backend may take before it counts as hung and is cancelled.</summary>
    public TimeSpan BackendTimeout { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>How long a call that is under way at shutdown is waited for, after it has been cancelled.</summary>
    public TimeSpan ShutdownGrace { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>The time between two full change sets because of drift at least: another program may undo each at once.</summary>
    public TimeSpan DriftPause { get; init; } = TimeSpan.FromSeconds(1);
}
