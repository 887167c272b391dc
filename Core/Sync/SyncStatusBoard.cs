namespace ProxyFramework.Core.Sync;

/// <summary>The sync loop's state for others to read: written by the loop and by the clock that notices a hang.</summary>
internal sealed class SyncStatusBoard
{
    private readonly Lock _gate = new();
    private SyncStatus _status = new();

    /// <summary>How things stand.</summary>
    /// <param name="oldestPost">The oldest post that the loop has not seen yet.</param>
    public SyncStatus Read(DateTimeOffset? oldestPost)
    {
        lock (_gate)
        {
            return _status.OldestPending is null && oldestPost is not null ? _status with { OldestPending = oldestPost } : _status;
        }
    }

    /// <summary>Something waits since then at the latest, or nothing does.</summary>
    public void Queue(DateTimeOffset? since, bool isWaiting)
    {
        lock (_gate)
        {
            var oldest = isWaiting ? _status.OldestPending ?? since : null;
            if (oldest != _status.OldestPending)
            {
                _status = _status with { OldestPending = oldest };
            }
        }
    }

    public void CallBegins(DateTimeOffset now)
    {
        lock (_gate)
        {
            _status = _status with { BusySince = now };
        }
    }

    public void CallHangs()
    {
        lock (_gate)
        {
            _status = _status with { IsBackendHung = true };
        }
    }

    /// <summary>The call is over. Tells whether it had been hanging.</summary>
    public bool CallEnds()
    {
        lock (_gate)
        {
            var hung = _status.IsBackendHung;
            _status = _status with { BusySince = null, IsBackendHung = false };
            return hung;
        }
    }

    public void Succeeded(DateTimeOffset now, IReadOnlyDictionary<ServicePortKey, ServicePortFailure> failures)
    {
        lock (_gate)
        {
            _status = _status with
            {
                HasSynced = true,
                LastSynced = now,
                LastError = null,
                OldestPending = null,
                Failures = failures.Count == 0 ? [] : [.. failures.Values
                    .OrderBy(failure => failure.Key.Service)
                    .ThenBy(failure => failure.Key.PortName, StringComparer.Ordinal)
                    .ThenBy(failure => failure.Key.Protocol)
                    .ThenBy(failure => failure.Key.Family)],
            };
        }
    }

    public void Failed(DateTimeOffset now, Exception error)
    {
        lock (_gate)
        {
            _status = _status with { LastError = error.Message, OldestPending = _status.OldestPending ?? now };
        }
    }
}
