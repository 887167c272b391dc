using System.Globalization;
using Microsoft.Extensions.Options;

namespace ProxyFramework.Core.Health;

/// <summary>
/// Judges whether the proxy does its work: everything has been in force once, no change has been waiting for too long, and the
/// backend answers. Failures of single service ports do not count: they must not take the whole node out of its load balancers.
/// </summary>
public sealed class ProxyHealth(IServiceProxyState state, IOptions<ServiceProxyOptions> options, TimeProvider time)
{
    private static readonly TimeSpan LeastPatience = TimeSpan.FromSeconds(60);

    /// <summary>How long a change may wait before that is unhealthy.</summary>
    public TimeSpan Patience => 2 * options.Value.MaxSyncDelay > LeastPatience ? 2 * options.Value.MaxSyncDelay : LeastPatience;

    /// <summary>The proxy's health now. From any thread.</summary>
    public ProxyHealthReport Evaluate()
    {
        var now = time.GetUtcNow();
        var sync = state.Sync;
        var isEligible = state.IsNodeEligible;
        var stale = FindStaleness(sync, now);
        return new ProxyHealthReport
        {
            CurrentTime = now,
            // As long as nothing waits, what is in force is what is wanted, however long ago it was put there.
            LastUpdated = stale is null && sync.HasSynced && sync.OldestPending is null ? now : sync.LastSynced,
            IsLive = stale is null,
            IsNodeEligible = isEligible,
            Reason = stale ?? (isEligible ? null : "this node is being deleted, or is marked for it"),
        };
    }

    private string? FindStaleness(SyncStatus sync, DateTimeOffset now)
    {
        if (sync.IsBackendHung)
        {
            return string.Create(CultureInfo.InvariantCulture, $"the backend has been busy with one call since {sync.BusySince:u}");
        }

        if (!sync.HasSynced)
        {
            return sync.LastError is { } first ? "nothing is in force yet: " + first : "nothing is in force yet";
        }

        return sync.OldestPending is { } oldest && now - oldest > Patience
            ? string.Create(CultureInfo.InvariantCulture, $"a change has been waiting since {oldest:u}{(sync.LastError is { } error ? ": " + error : "")}")
            : null;
    }
}
