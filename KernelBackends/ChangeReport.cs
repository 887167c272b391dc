namespace ProxyFramework.KernelBackends;

/// <summary>Collects how the changes of one change set went.</summary>
/// <param name="inForce">Called with each change that has come into force.</param>
public sealed class ChangeReport(Action<ServicePortChange> inForce)
{
    private readonly Dictionary<ServicePortKey, string> _failures = [];
    private readonly List<ServicePortNotice> _notices = [];

    /// <summary>A change has come into force.</summary>
    public void InForce(in ServicePortChange change) => inForce(change);

    /// <summary>A change could not be put in force.</summary>
    public void Failed(ServicePortKey key, string reason) => _failures[key] = reason;

    /// <summary>Whether <see cref="Failed"/> was called for a service port.</summary>
    public bool HasFailed(ServicePortKey key) => _failures.ContainsKey(key);

    /// <summary>A change is in force but not quite as asked for.</summary>
    public void Notice(ServicePortKey key, string message) => _notices.Add(new ServicePortNotice(key, message));

    /// <summary>What the sync loop is told.</summary>
    public SyncResult ToSyncResult() => _failures.Count == 0 && _notices.Count == 0 ? SyncResult.Success : new SyncResult
    {
        Failures = [.. _failures.Select(static failure => new ServicePortFailure(failure.Key, failure.Value))],
        Notices = [.. _notices],
    };
}
