using System.Collections.Immutable;
using Microsoft.Extensions.Logging;

namespace ProxyFramework.Core.Sync;

/// <summary>
/// Says what the sync loop does, in the log and to the observers. The volume is constant a change: what stays the same is said once.
/// </summary>
internal sealed partial class SyncReporter(string backend, ILogger logger, ImmutableArray<ISyncObserver> observers)
{
    /// <summary>How many service ports a change set can name in the log.</summary>
    private const int NamedAtMost = 10;

    private readonly OnceLog _notices = new();
    private readonly OnceLog _failures = new();
    private string? _lastError;

    public void ChangesPosted(int count) => Tell(count, static (observer, state) => observer.ChangesPosted(state));

    /// <param name="drift">What the backend says.</param>
    /// <param name="isFirst">Whether it is the first since the last change set; the others may be thousands, and end in the same one.</param>
    public void DriftReported(DriftReport drift, bool isFirst)
    {
        if (isFirst)
        {
            Log.Drift(logger, backend, drift.Description);
        }

        Tell(drift, static (observer, state) => observer.DriftReported(state));
    }

    public void InForce(TimeSpan latency) => Tell(latency, static (observer, state) => observer.ChangesInForce(state));

    public void Programmed(ServicePort after, ServicePort? before, DateTimeOffset now)
    {
        if (after.LastChangeTriggerTime is { } changed && changed != before?.LastChangeTriggerTime)
        {
            var latency = now > changed ? now - changed : TimeSpan.Zero;
            Tell((after.Key, latency), static (observer, state) => observer.ServicePortProgrammed(state.Key, state.latency));
        }
    }

    public void Succeeded(ServiceChangeSet changes, SyncResult result, string? fullReason, TimeSpan duration)
    {
        if (_lastError is not null)
        {
            _lastError = null;
            Log.Recovered(logger, backend);
        }

        if (fullReason is null)
        {
            Log.Synced(logger, changes.Changes.Length, duration.TotalMilliseconds);
        }
        else
        {
            Log.FullySynced(logger, changes.State.Count, duration.TotalMilliseconds, fullReason);
        }

        ReportFailures(changes, result.Failures);
        ReportNotices(changes, result.Notices);
        Tell((changes, result, duration), static (observer, state) => observer.Synced(state.changes, state.result, state.duration));
    }

    public void Failed(ServiceChangeSet changes, Exception error, TimeSpan duration, TimeSpan retryAfter)
    {
        var text = error.GetType().Name + error.Message;
        if (text != _lastError)
        {
            _lastError = text;
            Log.Failed(logger, error is BackendException ? null : error, backend, error.Message, retryAfter.TotalSeconds);
        }
        else
        {
            Log.FailedAgain(logger, backend, error.Message, retryAfter.TotalSeconds);
        }

        Tell((changes, error, duration), static (observer, state) => observer.SyncFailed(state.changes, state.error, state.duration));
    }

    public void BackendHung(string operation, TimeSpan limit)
    {
        Log.Hung(logger, backend, operation, limit.TotalSeconds);
        Tell(operation, static (observer, state) => observer.BackendHung(state));
    }

    public void HungCallEnded(string operation, TimeSpan duration, bool abandoned)
    {
        if (!abandoned)
        {
            Log.HungCallEnded(logger, backend, operation, duration.TotalSeconds);
        }
    }

    public void CallAbandoned(string operation, TimeSpan grace) => Log.Abandoned(logger, backend, operation, grace.TotalSeconds);

    private void ReportFailures(ServiceChangeSet changes, ImmutableArray<ServicePortFailure> failures)
    {
        var failed = new HashSet<ServicePortKey>();
        var unnamed = 0;
        var named = 0;
        foreach (var failure in failures.IsDefault ? [] : failures)
        {
            failed.Add(failure.Key);
            if (!_failures.IsNew(failure.Key, failure.Reason))
            {
                continue;
            }

            if (named++ < NamedAtMost)
            {
                Log.ServicePortFailed(logger, failure.Key, failure.Reason);
            }
            else
            {
                unnamed++;
            }
        }

        if (unnamed > 0)
        {
            Log.MoreFailed(logger, unnamed);
        }

        foreach (var change in changes.Changes)
        {
            if (!failed.Contains(change.Key) && _failures.Forget(change.Key))
            {
                Log.ServicePortRecovered(logger, change.Key);
            }
        }
    }

    private void ReportNotices(ServiceChangeSet changes, ImmutableArray<ServicePortNotice> notices)
    {
        foreach (var change in changes.Changes)
        {
            if (change.After is null)
            {
                _notices.Forget(change.Key);
            }
        }

        var unnamed = 0;
        var named = 0;
        foreach (var notice in notices.IsDefault ? [] : notices)
        {
            if (!_notices.IsNew(notice.Key, notice.Message))
            {
                continue;
            }

            if (named++ < NamedAtMost)
            {
                Log.Notice(logger, notice.Key, notice.Message);
            }
            else
            {
                unnamed++;
            }
        }

        if (unnamed > 0)
        {
            Log.MoreNotices(logger, unnamed);
        }
    }

    private void Tell<T>(T state, Action<ISyncObserver, T> tell)
    {
        foreach (var observer in observers)
        {
            try
            {
                tell(observer, state);
            }
            catch (Exception error)
            {
                Log.ObserverFailed(logger, error, observer.GetType().Name);
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Debug, "Put {Changes} changes in force in {Milliseconds:0.0} ms.")]
        public static partial void Synced(ILogger logger, int changes, double milliseconds);

        [LoggerMessage(2, LogLevel.Information, "Put all {ServicePorts} service ports in force in {Milliseconds:0} ms ({Reason}).")]
        public static partial void FullySynced(ILogger logger, int servicePorts, double milliseconds, string reason);

        [LoggerMessage(3, LogLevel.Error, "Backend {Backend} failed: {Message}. What is in force stays; all is tried again in {Seconds:0.0} s.")]
        public static partial void Failed(ILogger logger, Exception? error, string backend, string message, double seconds);

        [LoggerMessage(4, LogLevel.Debug, "Backend {Backend} failed again: {Message}. Next attempt in {Seconds:0.0} s.")]
        public static partial void FailedAgain(ILogger logger, string backend, string message, double seconds);

        [LoggerMessage(5, LogLevel.Information, "Backend {Backend} works again.")]
        public static partial void Recovered(ILogger logger, string backend);

        [LoggerMessage(6, LogLevel.Warning, "{ServicePort} is not in force: {Reason}. It is tried again, later and later.")]
        public static partial void ServicePortFailed(ILogger logger, ServicePortKey servicePort, string reason);

        [LoggerMessage(7, LogLevel.Warning, "{Count} more service ports are not in force.")]
        public static partial void MoreFailed(ILogger logger, int count);

        [LoggerMessage(8, LogLevel.Information, "{ServicePort} is no longer failing.")]
        public static partial void ServicePortRecovered(ILogger logger, ServicePortKey servicePort);

        [LoggerMessage(9, LogLevel.Warning, "{ServicePort}: {Message}")]
        public static partial void Notice(ILogger logger, ServicePortKey servicePort, string message);

        [LoggerMessage(10, LogLevel.Warning, "{Count} more service ports are in force not quite as asked for.")]
        public static partial void MoreNotices(ILogger logger, int count);

        [LoggerMessage(11, LogLevel.Warning, "Backend {Backend} found a foreign change: {Description}. All is put in force again.")]
        public static partial void Drift(ILogger logger, string backend, string description);

        [LoggerMessage(12, LogLevel.Error, "Backend {Backend} hangs: {Operation} has not returned for {Seconds:0.0} s and has been cancelled. Nothing can be changed until it returns; what is in force stays.")]
        public static partial void Hung(ILogger logger, string backend, string operation, double seconds);

        [LoggerMessage(13, LogLevel.Warning, "Backend {Backend}: {Operation} returned after {Seconds:0.0} s.")]
        public static partial void HungCallEnded(ILogger logger, string backend, string operation, double seconds);

        [LoggerMessage(14, LogLevel.Warning, "Backend {Backend}: {Operation} did not return within {Seconds:0.0} s of being cancelled at shutdown and is left behind.")]
        public static partial void Abandoned(ILogger logger, string backend, string operation, double seconds);

        [LoggerMessage(15, LogLevel.Error, "{Observer} failed.")]
        public static partial void ObserverFailed(ILogger logger, Exception error, string observer);
    }
}
