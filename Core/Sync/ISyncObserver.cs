namespace ProxyFramework.Core.Sync;

/// <summary>
/// Is told what the sync loop does; what metrics are counted from. Called by the loop itself, one call at a time except for
/// <see cref="ChangesPosted"/> and <see cref="DriftReported"/>: must be quick and must not throw.
/// </summary>
public interface ISyncObserver
{
    /// <summary>Changes have been posted and wait for their turn. From any thread.</summary>
    /// <param name="changes">How many service ports change; 0 where only the node does.</param>
    void ChangesPosted(int changes)
    {
    }

    /// <summary>A change set is in force, but for the failures that the result names.</summary>
    /// <param name="changes">What was handed over; not to be kept.</param>
    /// <param name="result">What the backend said.</param>
    /// <param name="duration">How long the backend took.</param>
    void Synced(ServiceChangeSet changes, SyncResult result, TimeSpan duration)
    {
    }

    /// <summary>A change set failed as a whole; a full one follows.</summary>
    /// <param name="changes">What was handed over; not to be kept.</param>
    /// <param name="error">What the backend threw.</param>
    /// <param name="duration">How long the backend took.</param>
    void SyncFailed(ServiceChangeSet changes, Exception error, TimeSpan duration)
    {
    }

    /// <summary>A change is in force: the time since it was made in the cluster, where the objects tell. Not called for the first load.</summary>
    /// <param name="key">The service port.</param>
    /// <param name="latency">From <see cref="ServicePort.LastChangeTriggerTime"/> until now; zero where clocks disagree.</param>
    void ServicePortProgrammed(ServicePortKey key, TimeSpan latency)
    {
    }

    /// <summary>Everything that was known when a change set was made is in force, but for failures. Not called for the first load.</summary>
    /// <param name="latency">From when a source published the oldest of it until now: the whole way through this program.</param>
    void ChangesInForce(TimeSpan latency)
    {
    }

    /// <summary>The backend found a foreign change to what it programmed. From any thread.</summary>
    /// <param name="drift">What it says of it.</param>
    void DriftReported(DriftReport drift)
    {
    }

    /// <summary>A call of the backend has taken longer than the backend timeout.</summary>
    /// <param name="operation">Which one: <c>StartAsync</c>, <c>ApplyAsync</c>.</param>
    void BackendHung(string operation)
    {
    }
}
