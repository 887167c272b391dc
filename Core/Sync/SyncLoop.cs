using Microsoft.Extensions.Logging;
using ProxyFramework.Core.View;

namespace ProxyFramework.Core.Sync;

/// <summary>
/// Brings what is wanted to the backend: one change set at a time, not more often than the minimum interval; what failed again and
/// again, later and later; everything at the start, after drift, after a failure of the whole and now and then.
/// </summary>
/// <remarks>
/// Posts are merged where they wait, so that a hung backend costs no memory. See <c>README.md</c> beside this file for the rules.
/// </remarks>
public sealed class SyncLoop
{
    /// <summary>A timer does not take more than 49 days; waking for nothing once a day is harmless.</summary>
    private static readonly TimeSpan LongestSleep = TimeSpan.FromDays(1);

    private readonly IBackend _backend;
    private readonly BackendContext _context;
    private readonly SyncLoopOptions _options;
    private readonly TimeProvider _time;
    private readonly SyncReporter _reporter;
    private readonly SyncInbox _inbox = new();
    private readonly SyncLedger _ledger;
    private readonly SyncSchedule _schedule;
    private readonly SyncStatusBoard _board = new();
    private readonly TaskCompletionSource _started = new(TaskCreationOptions.RunContinuationsAsynchronously);

    // When the oldest of the changes was received that are not in force.
    private long? _received;

    /// <summary>A loop that does nothing until it is run.</summary>
    /// <param name="backend">What is called. It has been probed.</param>
    /// <param name="context">What the backend is started with; its <see cref="BackendContext.ReportDrift"/> leads to <see cref="ReportDrift"/>.</param>
    /// <param name="options">The times to keep.</param>
    /// <param name="time">The only clock.</param>
    /// <param name="logger">The log.</param>
    /// <param name="observers">Who wants to know.</param>
    public SyncLoop(
        IBackend backend,
        BackendContext context,
        SyncLoopOptions options,
        TimeProvider time,
        ILogger<SyncLoop> logger,
        IEnumerable<ISyncObserver>? observers = null)
    {
        _backend = backend;
        _context = context;
        _options = options;
        _time = time;
        _reporter = new SyncReporter(backend.Name, logger, [.. observers ?? []]);
        var backoff = new Backoff(Random.Shared);
        _ledger = new SyncLedger(backoff);
        _schedule = new SyncSchedule(options, backoff);
    }

    /// <summary>How synchronisation stands. From any thread.</summary>
    public SyncStatus Status => _board.Read(_inbox.OldestPost);

    /// <summary>Completes when the backend has started; fails when it could not.</summary>
    public Task Started => _started.Task;

    /// <summary>Whether a call of the backend was still under way when the loop ended, so that no other call may be made.</summary>
    public bool HasAbandonedCall { get; private set; }

    /// <summary>
    /// Takes changes, from any thread, and never blocks. The first post, even an empty one, says that the view is complete: nothing
    /// is handed to the backend before it.
    /// </summary>
    /// <param name="changes">What is different.</param>
    /// <param name="received">When the source published the first of it, as a timestamp of the loop's clock; null to leave it out of the measure.</param>
    public void Post(NodeViewChanges changes, long? received = null)
    {
        ArgumentNullException.ThrowIfNull(changes);
        _inbox.Post(changes, _time.GetUtcNow(), received);
        _reporter.ChangesPosted(changes.ServicePorts.Length);
    }

    /// <summary>Asks for a full change set, from any thread.</summary>
    /// <param name="reason">Why, for the log.</param>
    public void RequestFullSync(string reason) => _inbox.RequestFullSync(reason);

    /// <summary>Takes the backend's word that what it programmed was changed by someone else. From any thread.</summary>
    public void ReportDrift(DriftReport drift)
    {
        ArgumentNullException.ThrowIfNull(drift);
        _reporter.DriftReported(drift, isFirst: _inbox.ReportDrift("drift: " + drift.Description));
    }

    /// <summary>Starts the backend and keeps it in agreement until cancelled. To be called once.</summary>
    /// <exception cref="OperationCanceledException">Cancelled: at once, or after the shutdown grace where a call is under way.</exception>
    /// <exception cref="Exception">The backend could not start; what it threw.</exception>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            await CallAsync("StartAsync", StartBackendAsync, cancellationToken).ConfigureAwait(false);
            _started.TrySetResult();
        }
        catch (Exception error)
        {
            _started.TrySetException(error);
            throw;
        }

        var alarm = _time.CreateTimer(static inbox => ((SyncInbox)inbox!).Wake(), _inbox, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        await using (alarm.ConfigureAwait(false))
        {
            while (true)
            {
                cancellationToken.ThrowIfCancellationRequested();
                await StepAsync(alarm, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    private async ValueTask<bool> StartBackendAsync(CancellationToken cancellationToken)
    {
        await _backend.StartAsync(_context, cancellationToken).ConfigureAwait(false);
        return true;
    }

    /// <summary>Takes in what was posted, and then either hands over a change set or sleeps until there may be one.</summary>
    private async Task StepAsync(ITimer alarm, CancellationToken cancellationToken)
    {
        TakePosts();
        var now = _time.GetUtcNow();
        if (_schedule.NextSync(_ledger) is not { } due)
        {
            await _inbox.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        else if (due > now)
        {
            alarm.Change(Shorter(due - now, LongestSleep), Timeout.InfiniteTimeSpan);
            await _inbox.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        else
        {
            await SyncAsync(now, cancellationToken).ConfigureAwait(false);
        }
    }

    private void TakePosts()
    {
        var posts = _inbox.Take();
        _received ??= posts.Received;
        foreach (var (key, after) in posts.ServicePorts)
        {
            _ledger.Want(key, after);
        }

        if (posts.Node is { } node)
        {
            _ledger.Want(node);
        }

        _schedule.Posted(posts);
        _board.Queue(posts.Since, isWaiting: _ledger.HasChanges || _schedule.IsFullSyncForced);
    }

    private async Task SyncAsync(DateTimeOffset now, CancellationToken cancellationToken)
    {
        var reason = _schedule.FullSyncReason(now);
        var changes = reason is null ? _ledger.Take(now) : _ledger.TakeFull();
        _schedule.SyncStarts(now, isFull: reason is not null);
        var began = _time.GetTimestamp();
        try
        {
            var result = await CallAsync("ApplyAsync", token => _backend.ApplyAsync(changes, token), cancellationToken).ConfigureAwait(false)
                ?? SyncResult.Success;
            Succeeded(changes, result, reason, _time.GetElapsedTime(began));
        }
        catch (Exception error) when (!cancellationToken.IsCancellationRequested)
        {
            Failed(changes, error, _time.GetElapsedTime(began));
        }
    }

    private void Succeeded(ServiceChangeSet changes, SyncResult result, string? reason, TimeSpan duration)
    {
        var now = _time.GetUtcNow();
        var isFirst = !_schedule.HasSynced;
        _ledger.Acknowledge(changes, result, now, isFirst ? null : (after, before) => _reporter.Programmed(after, before, now));
        _schedule.SyncSucceeded(now, changes.IsFull, duration);
        _board.Succeeded(now, _ledger.Failures);
        _reporter.Succeeded(changes, result, reason, duration);
        if (_received is { } received && !isFirst)
        {
            _reporter.InForce(_time.GetElapsedTime(received));
        }

        _received = null;
    }

    private void Failed(ServiceChangeSet changes, Exception error, TimeSpan duration)
    {
        var now = _time.GetUtcNow();
        _ledger.Abandon(changes);
        var retryAfter = _schedule.SyncFailed(now, duration);
        _board.Failed(now, error);
        _reporter.Failed(changes, error, duration, retryAfter);
    }

    private static TimeSpan Shorter(TimeSpan left, TimeSpan right) => left < right ? left : right;

    private async Task<T> CallAsync<T>(string operation, Func<CancellationToken, ValueTask<T>> call, CancellationToken cancellationToken)
    {
        var began = _time.GetUtcNow();
        _board.CallBegins(began);
        try
        {
            return await BackendCall.RunAsync(call, _options, _time, OnHung, OnAbandoned, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            if (_board.CallEnds())
            {
                _reporter.HungCallEnded(operation, _time.GetUtcNow() - began, HasAbandonedCall);
            }
        }

        void OnHung()
        {
            _board.CallHangs();
            _reporter.BackendHung(operation, _options.BackendTimeout);
        }

        void OnAbandoned()
        {
            HasAbandonedCall = true;
            _reporter.CallAbandoned(operation, _options.ShutdownGrace);
        }
    }
}
