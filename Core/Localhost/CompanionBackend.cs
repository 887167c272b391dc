using System.Collections.Immutable;
using System.Globalization;
using Microsoft.Extensions.Logging;
using ProxyFramework.Core.Plugins;
using ProxyFramework.Core.Sync;

namespace ProxyFramework.Core.Localhost;

/// <summary>
/// The backend that serves node ports on loopback addresses beside another one. Given the change sets of the whole node, it keeps a
/// ledger of its own of the part that is the companion's, starts the companion when there first is such a part, and calls it with it.
/// </summary>
/// <remarks>
/// One caller, which waits for a call no longer than <see cref="Patience"/>, and not at all while an earlier one is still under way.
/// What is not in force by then is a failure of its service ports, and comes again with the caller's retry.
/// </remarks>
internal sealed partial class CompanionBackend : IAsyncDisposable
{
    /// <summary>How long the caller is held up at most; once, however long the companion hangs.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    private readonly string _beside;
    private readonly IBackend? _backend;
    private readonly SyncLoopOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Backoff _backoff = new(Random.Shared);
    private readonly CancellationTokenSource _ending = new();

    /// <summary>Keys that the caller was told as failed: they are failed until the companion has had their change.</summary>
    private readonly HashSet<ServicePortKey> _owed = [];

    /// <summary>
    /// What the companion is to have and has. Not to be touched while <see cref="_work"/> is not completed, but for reading what is
    /// wanted; nor what follows.
    /// </summary>
    private readonly SyncLedger _ledger;
    private Task<SyncResult> _work = Task.FromResult(SyncResult.Success);
    private bool _needsFull = true;
    private int _failedCalls;
    private DateTimeOffset _notBefore = DateTimeOffset.MinValue;
    private string? _error;
    private bool _hasBeenStarted;
    private bool _hasAbandonedCall;

    private BackendContext? _context;
    private bool _isWanted;

    /// <summary>Whether the ledger missed a change set.</summary>
    private bool _isBehind = true;

    /// <summary>Whether nobody has seen the result of the last call.</summary>
    private bool _isResultUnseen;
    private volatile string? _unusable;

    /// <summary>A companion that is not started yet.</summary>
    /// <param name="beside">The name of the mode that it runs beside.</param>
    /// <param name="backend">The backend; null where there is none.</param>
    /// <param name="whyNone">Where there is none, why.</param>
    /// <param name="options">The times to keep.</param>
    /// <param name="time">The only clock.</param>
    /// <param name="logger">The log.</param>
    public CompanionBackend(
        string beside, IBackend? backend, string? whyNone, SyncLoopOptions options, TimeProvider time, ILogger<CompanionBackend> logger)
    {
        (_beside, _backend, _options, _time, _logger) = (beside, backend, options, time, logger);
        _ledger = new SyncLedger(_backoff);
        _unusable = backend is null ? whyNone : null;
    }

    /// <summary>What the companion is started with once it is needed.</summary>
    public void Prepare(BackendContext context) => _context = context;

    /// <summary>Hands the companion its part of a change set.</summary>
    /// <param name="changes">The change set for the whole node.</param>
    /// <param name="cancellationToken">Ends the wait, not the call.</param>
    /// <returns>What of the companion's part is not in force, and what is in force but not as asked for.</returns>
    public async ValueTask<SyncResult> ApplyAsync(ServiceChangeSet changes, CancellationToken cancellationToken)
    {
        if (!_isWanted && !LocalhostNodePorts.AreWanted(changes.Node))
        {
            return SyncResult.Success;
        }

        if (!_isWanted)
        {
            _isWanted = true;
            if (_unusable is not null)
            {
                Log.NotServed(_logger, _beside, _unusable);
            }
        }

        if (_unusable is not null)
        {
            return NotServed(changes);
        }

        var concerned = ConcernedBy(changes);
        if (!_work.IsCompleted)
        {
            _isBehind = true;
            return Unfinished(concerned, "it is still busy with an earlier change", SyncResult.Success);
        }

        var late = _isResultUnseen ? await _work.ConfigureAwait(false) : SyncResult.Success;
        _isResultUnseen = false;
        Want(changes);
        if (_needsFull && _time.GetUtcNow() < _notBefore)
        {
            return Unfinished(concerned, _error!, late);
        }

        if (!changes.IsFull && !_needsFull && !_ledger.HasChanges)
        {
            return Finished(changes, SyncResult.Success, late);
        }

        // Never what is due on its own: the caller retries.
        var part = changes.IsFull || _needsFull ? _ledger.TakeFull() : _ledger.Take(DateTimeOffset.MinValue);
        _work = WorkAsync(part);
        _isResultUnseen = true;
        try
        {
            var result = await _work.WaitAsync(Patience, _time, cancellationToken).ConfigureAwait(false);
            _isResultUnseen = false;
            return _unusable is null ? Finished(changes, result, late) : NotServed(changes);
        }
        catch (TimeoutException)
        {
            return Unfinished(
                [.. concerned, .. part.Changes.Select(static change => change.Key)],
                string.Create(CultureInfo.InvariantCulture, $"it has not finished within {Patience.TotalSeconds} s"),
                late);
        }
    }

    /// <summary>Removes what the companion left on this node, of this run or of earlier ones.</summary>
    /// <exception cref="Exception">What the companion threw.</exception>
    public async ValueTask CleanupAsync(BackendContext context, CancellationToken cancellationToken)
    {
        if (_backend is not null && (await BackendProbe.RunAsync(_backend, _time, cancellationToken).ConfigureAwait(false)).IsSupported)
        {
            await _backend.CleanupAsync(context, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Ends the companion, which a call that does not return within the shutdown grace prevents. Throws nothing.</summary>
    public async ValueTask DisposeAsync()
    {
        await _ending.CancelAsync().ConfigureAwait(false);
        await _work.ConfigureAwait(false);
        _ending.Dispose();
        if (!_hasBeenStarted || _hasAbandonedCall)
        {
            return;
        }

        try
        {
            await _backend!.DisposeAsync().ConfigureAwait(false);
        }
        catch (Exception error)
        {
            Log.EndFailed(_logger, error, _backend!.Name);
        }
    }

    private void Want(ServiceChangeSet changes)
    {
        if (changes.IsFull || _isBehind)
        {
            // From the whole state, as if nothing were known.
            foreach (var key in _ledger.Desired.Keys.Where(key => !changes.State.ContainsKey(key)).ToList())
            {
                _ledger.Want(key, null);
            }

            foreach (var service in changes.State.Values)
            {
                Want(service.Key, service);
            }
        }

        foreach (var change in changes.Changes)
        {
            Want(change.Key, change.After);
        }

        _ledger.Want(LocalhostNodePorts.Only(changes.Node));
        _isBehind = false;
    }

    private void Want(ServicePortKey key, ServicePort? service) => _ledger.Want(key, service is null ? null : LocalhostNodePorts.Of(service));

    /// <summary>One call, with the start before it where it is the first. Never fails; the ledger knows how it went.</summary>
    private async Task<SyncResult> WorkAsync(ServiceChangeSet changes)
    {
        try
        {
            if (!_hasBeenStarted && await LaunchAsync().ConfigureAwait(false) is { } problem)
            {
                Log.NotServed(_logger, _beside, problem);
                _unusable = problem;
                return SyncResult.Success;
            }

            var result = await CallAsync(token => _backend!.ApplyAsync(changes, token)).ConfigureAwait(false) ?? SyncResult.Success;
            _ledger.Acknowledge(changes, result, _time.GetUtcNow());
            if (_error is not null)
            {
                Log.Recovered(_logger, _backend!.Name);
            }

            (_needsFull, _failedCalls, _error) = (false, 0, null);
            return result;
        }
        catch (Exception error)
        {
            if (_error is null && !_ending.IsCancellationRequested)
            {
                Log.Failed(_logger, error is BackendException ? null : error, _backend!.Name, error.Message);
            }

            _ledger.Abandon(changes);
            _needsFull = true;
            _error = error.Message;

            // A little less than the caller waits before it tries the same service ports again.
            _notBefore = _time.GetUtcNow() + (_backoff.After(++_failedCalls) * 0.8);
            var failed = changes.Changes.IsEmpty ? changes.State.Keys : changes.Changes.Select(static change => change.Key);
            return new SyncResult { Failures = [.. failed.Select(key => new ServicePortFailure(key, error.Message))] };
        }
    }

    /// <summary>Starts the companion. Says why it cannot run, where it cannot.</summary>
    private async Task<string?> LaunchAsync()
    {
        var support = await BackendProbe.RunAsync(_backend!, _time, _ending.Token).ConfigureAwait(false);
        if (!support.IsSupported)
        {
            return $"mode {_backend!.Name} cannot run here; missing: {string.Join("; ", support.Missing)}";
        }

        _hasBeenStarted = true;
        try
        {
            await CallAsync<object?>(async token =>
            {
                await _backend!.StartAsync(_context!, token).ConfigureAwait(false);
                return null;
            }).ConfigureAwait(false);
            Log.Served(_logger, _backend!.Name, _beside);
            return null;
        }
        catch (Exception error) when (!_ending.IsCancellationRequested)
        {
            // Once started, for good or ill, it is not started again: that is in the contract.
            return $"mode {_backend!.Name} cannot start: {error.Message}";
        }
    }

    private Task<T> CallAsync<T>(Func<CancellationToken, ValueTask<T>> call) => BackendCall.RunAsync(
        call,
        _options,
        _time,
        () => Log.Hung(_logger, _backend!.Name, _options.BackendTimeout.TotalSeconds),
        () => _hasAbandonedCall = true,
        _ending.Token);

    /// <summary>What the companion said, now and when nobody waited any more.</summary>
    private SyncResult Finished(ServiceChangeSet changes, SyncResult result, SyncResult late)
    {
        foreach (var change in changes.Changes)
        {
            _owed.Remove(change.Key);
        }

        return Tell(
            Reasons(result).Concat(Reasons(late).Where(failure => _ledger.Failures.ContainsKey(failure.Key))),
            [.. Notices(result), .. Notices(late)]);
    }

    /// <summary>What the change set wants of the companion is not in force, or nobody knows.</summary>
    private SyncResult Unfinished(List<ServicePortKey> concerned, string reason, SyncResult late) =>
        Tell(concerned.Select(key => (key, reason)).Concat(Reasons(late)), Notices(late));

    /// <summary>
    /// The service ports of which a change set wants something of the companion. The ledger's wishes, which only the caller changes,
    /// tell what it may have that a full change set wants no more.
    /// </summary>
    private List<ServicePortKey> ConcernedBy(ServiceChangeSet changes)
    {
        var concerned = changes.Changes.Select(static change => change.Key)
            .Where(key => _owed.Contains(key) || _ledger.Desired.ContainsKey(key) || LocalhostNodePorts.Has(changes.State.GetValueOrDefault(key)))
            .ToList();
        if (!LocalhostNodePorts.Only(changes.Node).Equals(LocalhostNodePorts.Only(changes.PreviousNode)))
        {
            concerned.AddRange(changes.State.Values.Where(LocalhostNodePorts.Has).Select(static service => service.Key));
        }

        return concerned;
    }

    private SyncResult NotServed(ServiceChangeSet changes) => Tell([], changes.Changes
        .Where(change => LocalhostNodePorts.Has(change.After, changes.Node))
        .Select(change => new ServicePortNotice(change.Key, $"not served: {_unusable}")));

    private SyncResult Tell(IEnumerable<(ServicePortKey Key, string Reason)> failures, IEnumerable<ServicePortNotice> notices)
    {
        var part = _backend is null ? "node port on localhost" : $"node port on localhost (mode {_backend.Name})";
        var result = new SyncResult
        {
            Failures = [.. failures.DistinctBy(static failure => failure.Key)
                .Select(failure => new ServicePortFailure(failure.Key, $"{part}: {failure.Reason}"))],
            Notices = [.. notices.Select(notice => notice with { Message = $"{part}: {notice.Message}" })],
        };
        _owed.UnionWith(result.Failures.Select(static failure => failure.Key));
        return result;
    }

    private static IEnumerable<(ServicePortKey Key, string Reason)> Reasons(SyncResult result) =>
        result.Failures.IsDefault ? [] : result.Failures.Select(static failure => (failure.Key, failure.Reason));

    private static ImmutableArray<ServicePortNotice> Notices(SyncResult result) => result.Notices.IsDefault ? [] : result.Notices;

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Information, "Node ports on localhost are served by mode {Mode}, beside mode {Beside}.")]
        public static partial void Served(ILogger logger, string mode, string beside);

        [LoggerMessage(2, LogLevel.Warning, "Node ports on localhost are not served: mode {Beside} cannot, and {Problem}. Everything else is served.")]
        public static partial void NotServed(ILogger logger, string beside, string problem);

        [LoggerMessage(3, LogLevel.Error, "Mode {Mode}, for node ports on localhost, failed: {Message}. All of them are tried again, later and later.")]
        public static partial void Failed(ILogger logger, Exception? error, string mode, string message);

        [LoggerMessage(4, LogLevel.Information, "Mode {Mode}, for node ports on localhost, works again.")]
        public static partial void Recovered(ILogger logger, string mode);

        [LoggerMessage(5, LogLevel.Error, "Mode {Mode}, for node ports on localhost, hangs: a call has not returned for {Seconds:0.0} s and has been cancelled. Node ports on localhost stay as they are until it returns; everything else goes on.")]
        public static partial void Hung(ILogger logger, string mode, double seconds);

        [LoggerMessage(6, LogLevel.Warning, "Mode {Mode}, for node ports on localhost, failed to end properly.")]
        public static partial void EndFailed(ILogger logger, Exception error, string mode);
    }
}
