namespace ProxyFramework.Core.Sync;

/// <summary>
/// When the next change set is due, and whether it is a full one. Pure: the times come with the calls.
/// </summary>
internal sealed class SyncSchedule(SyncLoopOptions options, Backoff backoff)
{
    private bool _isComplete;
    private DateTimeOffset _notBefore = DateTimeOffset.MinValue;
    private DateTimeOffset _fullAfterFailure = DateTimeOffset.MinValue;
    private DateTimeOffset _lastFull = DateTimeOffset.MinValue;
    private DateTimeOffset _lastDrift = DateTimeOffset.MinValue;
    private int _failures;
    private string? _forced = "the first since the start";
    private string? _requested;
    private string? _drift;

    /// <summary>Whether a full change set has been in force.</summary>
    public bool HasSynced { get; private set; }

    /// <summary>Whether nothing but a full change set may go out: before the first one, and after a failure of the whole.</summary>
    public bool IsFullSyncForced => _isComplete && _forced is not null;

    public void Posted(in SyncInbox.Posts posts)
    {
        _isComplete |= posts.IsComplete;
        _requested = posts.FullReason ?? _requested;
        _drift = posts.DriftReason ?? _drift;
    }

    /// <summary>When the next change set is due, as things stand; null for not at all.</summary>
    public DateTimeOffset? NextSync(SyncLedger ledger)
    {
        if (!_isComplete)
        {
            return null;
        }

        var due = _forced is not null ? _fullAfterFailure : Earliest(NextFull(), ledger.HasChanges ? DateTimeOffset.MinValue : ledger.NextRetry);
        return due < _notBefore ? _notBefore : due;
    }

    /// <summary>Why a change set that goes out now is to be a full one; null where it is not.</summary>
    public string? FullSyncReason(DateTimeOffset now) =>
        _forced ?? _requested
        ?? (_drift is not null && DriftDue <= now ? _drift : null)
        ?? (PeriodDue is { } period && period <= now ? "the sync period is over" : null);

    public void SyncStarts(DateTimeOffset now, bool isFull)
    {
        _notBefore = now + options.MinSyncPeriod;
        if (!isFull)
        {
            return;
        }

        if (_drift is not null)
        {
            _lastDrift = now;
        }

        _lastFull = now;
        _requested = null;
        _drift = null;
    }

    public void SyncSucceeded(DateTimeOffset now, bool isFull, TimeSpan duration)
    {
        Rest(now, duration);
        if (isFull)
        {
            HasSynced = true;
            _forced = null;
            _failures = 0;
        }
    }

    /// <summary>Plans the full change set after a failure of the whole, and says how long it has to wait.</summary>
    public TimeSpan SyncFailed(DateTimeOffset now, TimeSpan duration)
    {
        Rest(now, duration);
        var wait = backoff.After(++_failures);
        _forced = "the last synchronisation failed";
        _fullAfterFailure = now + wait;
        return wait;
    }

    private DateTimeOffset DriftDue => _lastDrift == DateTimeOffset.MinValue ? _lastDrift : _lastDrift + options.DriftPause;

    private DateTimeOffset? PeriodDue => options.SyncPeriod > TimeSpan.Zero ? _lastFull + options.SyncPeriod : null;

    private DateTimeOffset? NextFull() =>
        _requested is not null ? DateTimeOffset.MinValue : Earliest(_drift is null ? null : DriftDue, PeriodDue);

    /// <summary>
    /// A backend that is slow gets a rest as long as its work, up to the maximum delay: so it is busy half of the time at most under
    /// steady change, and its change sets become larger instead of more.
    /// </summary>
    private void Rest(DateTimeOffset now, TimeSpan duration)
    {
        var rested = now + (duration < options.MaxSyncDelay ? duration : options.MaxSyncDelay);
        _notBefore = rested > _notBefore ? rested : _notBefore;
    }

    private static DateTimeOffset? Earliest(DateTimeOffset? left, DateTimeOffset? right) =>
        left is null || right < left ? right ?? left : left;
}
