using System.Globalization;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using ProxyFramework.Core.Objects;
using ProxyFramework.Core.Sources;

namespace ProxyFramework.Sources.Kubernetes;

/// <summary>
/// Keeps up with one collection for as long as it is run: lists it, watches it from there, resumes where a watch ended, and lists it again
/// only when the server has forgotten that place. Whatever goes wrong is tried again, and what was published stays in force meanwhile.
/// </summary>
/// <param name="resource">The collection.</param>
/// <param name="server">The API server.</param>
/// <param name="options">Times and sizes.</param>
/// <param name="strings">Strings that recur.</param>
/// <param name="publish">Takes differences that belong together.</param>
/// <param name="report">Told of what is refused.</param>
/// <param name="metrics">Counts what happens.</param>
/// <param name="time">The clock.</param>
/// <param name="logger">The log.</param>
internal sealed partial class ListWatch(
    WatchedResource resource,
    ApiServer server,
    KubernetesSourceOptions options,
    InternedStrings strings,
    Func<IReadOnlyList<SourceEvent>, CancellationToken, ValueTask> publish,
    Action<ObjectProblem> report,
    KubernetesMetrics metrics,
    TimeProvider time,
    ILogger logger)
{
    /// <summary>How many objects of the first list are published at once.</summary>
    private const int InitialBatch = 512;

    /// <summary>The server ends a watch after a time from this to twice this: so those of all nodes do not end at once.</summary>
    private static readonly TimeSpan WatchTime = TimeSpan.FromMinutes(5);

    /// <summary>A watch that lived so long was a good one, even if it brought nothing.</summary>
    private static readonly TimeSpan GoodWatch = TimeSpan.FromSeconds(1);

    /// <summary>Of failures that go on, the log tells so often.</summary>
    private static readonly TimeSpan LogPeriod = TimeSpan.FromMinutes(5);

    private readonly TaskCompletionSource _listed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ObjectDecoder _decoder = new(strings);
    private readonly KnownObjects _known = new();
    private readonly RetryDelays _delays = new(Random.Shared);

    // Differences that have not been published yet; they outlive a list that failed, since what is known includes them.
    private readonly List<SourceEvent> _pending = [];

    // Where a watch goes on; null where everything has to be listed.
    private string? _version;

    // What a list must not be older than: any cached one will do at first; afterwards time must not run backwards. Empty asks the database itself.
    private string _notOlderThan = "0";
    private bool _canStream = true;
    private bool _isListing;
    private bool _endsInitialEvents;
    private long? _watchingSince;
    private long? _lostAt;
    private long _toldAt;
    private string? _told;

    /// <summary>Completes when the first list has been published.</summary>
    public Task Listed => _listed.Task;

    /// <summary>The collection.</summary>
    public WatchedResource Resource => resource;

    /// <summary>Whether a watch stands now.</summary>
    public bool IsWatching => _watchingSince is not null;

    /// <summary>How many objects are known.</summary>
    public int Count => _known.Count;

    /// <summary>Works until cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            Exception? failure = null;
            _watchingSince = null;
            try
            {
                if (_version is null && !_canStream)
                {
                    await ListPagesAsync(cancellationToken).ConfigureAwait(false);
                }

                await WatchAsync(cancellationToken).ConfigureAwait(false);
            }
            catch (Exception error) when (!cancellationToken.IsCancellationRequested)
            {
                failure = error;
            }

            cancellationToken.ThrowIfCancellationRequested();
            if (_watchingSince is { } since && time.GetElapsedTime(since) >= GoodWatch)
            {
                _delays.Reset();
                if (failure is null)
                {
                    continue;
                }
            }

            var wait = Judge(failure);
            await Task.Delay(wait, time, cancellationToken).ConfigureAwait(false);
        }
    }

    // What to do about the end of a watch, and how long to wait before it is done.
    private TimeSpan Judge(Exception? failure)
    {
        switch (failure)
        {
            case null:
                // The server ended it at once: as if it had said that it is busy.
                return _delays.Next(null);
            case ApiServerException { IsExpired: true }:
                Log.Expired(logger, resource.Name, failure.Message);
                metrics.Failed(resource, "expired");
                (_version, _notOlderThan) = (null, "");
                return _delays.Failures == 0 ? Skip() : _delays.Next(null);
            case ApiServerException { IsRefusedRequest: true } when _version is null && _canStream:
                Log.NoStreaming(logger, resource.Name, failure.Message);
                _canStream = false;
                return TimeSpan.Zero;
            case TimeoutException when _version is null && _canStream && _isListing && _delays.Failures > 0:
                // A server, or something in front of it, that takes the request and never says that the list is complete.
                _canStream = false;
                break;
            default:
                break;
        }

        var wait = _delays.Next((failure as ApiServerException)?.RetryAfter);
        metrics.Failed(resource, ReasonOf(failure));
        Tell(failure, wait);
        return wait;
    }

    private TimeSpan Skip()
    {
        _delays.Next(null);
        return TimeSpan.Zero;
    }

    private async Task ListPagesAsync(CancellationToken cancellationToken)
    {
        BeginList();
        var next = "";
        do
        {
            var url = next.Length > 0
                ? resource.Url(("limit", Text(options.PageSize)), ("continue", next))
                : _notOlderThan.Length > 0
                    ? resource.Url(("limit", Text(options.PageSize)), ("resourceVersion", _notOlderThan), ("resourceVersionMatch", "NotOlderThan"))
                    : resource.Url(("limit", Text(options.PageSize)));
            using var response = await server.GetAsync(url, cancellationToken).ConfigureAwait(false);
            var buffer = new ReceiveBuffer(await response.Content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false));
            await using (buffer.ConfigureAwait(false))
            {
                var body = new ListBody(buffer);
                while (!body.IsComplete)
                {
                    await buffer.FillAsync(options.ResponseTimeout, cancellationToken).ConfigureAwait(false);
                    body.Read(json => Take(WatchEventType.Upserted, json));
                    await PublishPartAsync(cancellationToken).ConfigureAwait(false);
                }

                next = body.Metadata.Continue;
                _version = body.Metadata.ResourceVersion;
            }
        }
        while (next.Length > 0 && ForgetVersion());

        await EndListAsync("paged", cancellationToken).ConfigureAwait(false);
    }

    // Until the last page is there, there is nothing to watch from.
    private bool ForgetVersion()
    {
        _version = null;
        return true;
    }

    private async Task WatchAsync(CancellationToken cancellationToken)
    {
        var seconds = Text((int)(WatchTime.TotalSeconds * (1 + Random.Shared.NextDouble())));
        if (_version is null)
        {
            BeginList();
        }

        var url = _version is { } version
            ? resource.Url(("watch", "true"), ("allowWatchBookmarks", "true"), ("resourceVersion", version), ("timeoutSeconds", seconds))
            : resource.Url(
                ("watch", "true"),
                ("allowWatchBookmarks", "true"),
                ("sendInitialEvents", "true"),
                ("resourceVersionMatch", "NotOlderThan"),
                ("resourceVersion", _notOlderThan),
                ("timeoutSeconds", seconds));
        using var response = await server.GetAsync(url, cancellationToken).ConfigureAwait(false);
        metrics.Watched(resource);
        var buffer = new ReceiveBuffer(await response.Content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false));
        await using (buffer.ConfigureAwait(false))
        {
            var body = new WatchBody(buffer);
            if (!_isListing)
            {
                Recovered();
            }

            while (!buffer.IsAtEnd)
            {
                await buffer.FillAsync(_isListing ? options.ResponseTimeout : options.IdleTimeout, cancellationToken).ConfigureAwait(false);
                var events = 0;
                ApiServerException? error = null;
                JsonException? broken = null;
                try
                {
                    body.Read((type, json) =>
                    {
                        events++;
                        error ??= TakeEvent(type, json);
                    });
                }
                catch (JsonException damage)
                {
                    broken = damage;
                }

                // What came before the damage is good, and the place to go on from is behind it.
                metrics.Received(resource, events);
                await FlushAsync(cancellationToken).ConfigureAwait(false);
                if (error is not null || broken is not null)
                {
                    throw (Exception?)error ?? broken!;
                }
            }
        }

        if (_isListing)
        {
            throw new IOException("the API server ended a streaming list before it was complete");
        }
    }

    private async ValueTask FlushAsync(CancellationToken cancellationToken)
    {
        if (_isListing && _endsInitialEvents)
        {
            _endsInitialEvents = false;
            await EndListAsync("streamed", cancellationToken).ConfigureAwait(false);
            Recovered();
        }
        else if (_isListing)
        {
            await PublishPartAsync(cancellationToken).ConfigureAwait(false);
        }
        else
        {
            await PublishAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    private ApiServerException? TakeEvent(WatchEventType type, ReadOnlySpan<byte> json)
    {
        switch (type)
        {
            case WatchEventType.Error:
                return ApiServer.ErrorOf(json, System.Net.HttpStatusCode.InternalServerError, "Unknown", retryAfter: null);
            case WatchEventType.Unknown:
                return null;
            case WatchEventType.Bookmark:
                var bookmark = JsonPeek.OfObject(json);
                if (_isListing && !bookmark.EndsInitialEvents)
                {
                    return null;
                }

                _endsInitialEvents |= bookmark.EndsInitialEvents;
                MoveTo(bookmark.ResourceVersion);
                return null;
            default:
                Take(type, json);

                // The objects of a streaming list are in no order that a watch could go on from.
                if (!_isListing || _endsInitialEvents)
                {
                    MoveTo(JsonPeek.OfObject(json).ResourceVersion);
                }

                return null;
        }
    }

    private void MoveTo(string version)
    {
        if (version.Length > 0)
        {
            _version = _notOlderThan = version;
        }
    }

    private void Take(WatchEventType type, ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json, JsonPeek.Options);
        reader.Read();
        var decoded = _decoder.Decode(ref reader, resource.ApiVersion, resource.Kind);
        foreach (var problem in decoded.Problems)
        {
            report(new ObjectProblem("kubernetes", decoded.Description, problem.Field, problem.Message));
        }

        SourceEvent? difference = null;
        if (type == WatchEventType.Deleted)
        {
            difference = _known.Delete(decoded.Name);
        }
        else if (decoded.Value is { } value)
        {
            difference = _known.Upsert(decoded.Name, value);
        }
        else
        {
            // What was good last stays in force: better than nothing, and what kube-proxy does.
            _known.Keep(decoded.Name);
        }

        if (difference is not null)
        {
            _pending.Add(difference);
        }
    }

    private void BeginList()
    {
        _isListing = true;
        _endsInitialEvents = false;
        _known.BeginList();
    }

    // The first list is published as it comes: nothing takes effect before it is complete. A later one as a whole, so that an endpoint that
    // has moved from one slice to another is never missing.
    private async ValueTask PublishPartAsync(CancellationToken cancellationToken)
    {
        if (!_listed.Task.IsCompleted && _pending.Count >= InitialBatch)
        {
            await PublishAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    private async ValueTask EndListAsync(string how, CancellationToken cancellationToken)
    {
        var gone = _known.EndList();
        _pending.AddRange(gone);
        var differences = _pending.Count;
        await PublishAsync(cancellationToken).ConfigureAwait(false);
        _isListing = false;
        if (_version is { } version)
        {
            _notOlderThan = version;
        }

        metrics.Listed(resource, how);
        if (_listed.TrySetResult())
        {
            Log.Listed(logger, resource.Name, _known.Count, how);
        }
        else
        {
            Log.ListedAgain(logger, resource.Name, _known.Count, differences, gone.Count);
        }
    }

    private async ValueTask PublishAsync(CancellationToken cancellationToken)
    {
        if (_pending.Count > 0)
        {
            SourceEvent[] events = [.. _pending];
            _pending.Clear();
            metrics.Published(resource, events.Length);
            await publish(events, cancellationToken).ConfigureAwait(false);
        }
    }

    private void Recovered()
    {
        _watchingSince = time.GetTimestamp();
        if (_lostAt is { } lost)
        {
            Log.Recovered(logger, resource.Name, time.GetElapsedTime(lost).TotalSeconds);
            (_lostAt, _told) = (null, null);
        }
    }

    private void Tell(Exception? failure, TimeSpan wait)
    {
        var now = time.GetTimestamp();
        var message = Describe(failure);
        if (_told != message || time.GetElapsedTime(_toldAt, now) >= LogPeriod)
        {
            (_told, _toldAt) = (message, now);
            _lostAt ??= now;
            Log.Failed(logger, resource.Name, message, wait.TotalSeconds);
        }
        else
        {
            Log.FailedAgain(logger, resource.Name, message, wait.TotalSeconds);
        }
    }

    private string Describe(Exception? failure) => failure switch
    {
        ApiServerException { Status: System.Net.HttpStatusCode.Forbidden } =>
            $"{failure.Message}. The account needs the verbs list and watch on {resource.Name}",
        HttpRequestException { InnerException: { } cause } => $"{failure.Message} ({cause.Message})",
        null => "the API server ended the watch at once",
        _ => failure.Message,
    };

    private static string ReasonOf(Exception? failure) => failure switch
    {
        null => "closed",
        ApiServerException error => Text((int)error.Status),
        TimeoutException => "timeout",
        JsonException => "truncated",
        HttpRequestException { HttpRequestError: HttpRequestError.SecureConnectionError } => "tls",
        HttpRequestException or IOException => "connection",
        _ => "other",
    };

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Information, "Listed {Count} {Resource} from the API server ({How}); watching for changes.")]
        public static partial void Listed(ILogger logger, string resource, int count, string how);

        [LoggerMessage(2, LogLevel.Information, "Listed {Resource} again: {Count} objects, {Differences} different from what was known, {Gone} of them gone.")]
        public static partial void ListedAgain(ILogger logger, string resource, int count, int differences, int gone);

        [LoggerMessage(3, LogLevel.Warning, "Watching {Resource} failed: {Reason}. What is in force stays; trying again in {Seconds:0.0} s.")]
        public static partial void Failed(ILogger logger, string resource, string reason, double seconds);

        [LoggerMessage(4, LogLevel.Debug, "Watching {Resource} failed again: {Reason}; trying again in {Seconds:0.0} s.")]
        public static partial void FailedAgain(ILogger logger, string resource, string reason, double seconds);

        [LoggerMessage(5, LogLevel.Information, "Watching {Resource} again, after {Seconds:0.0} s.")]
        public static partial void Recovered(ILogger logger, string resource, double seconds);

        [LoggerMessage(6, LogLevel.Information, "The API server does not remember where the watch of {Resource} was; listing again ({Reason}).")]
        public static partial void Expired(ILogger logger, string resource, string reason);

        [LoggerMessage(7, LogLevel.Information, "The API server has no streaming lists; {Resource} are listed in pages ({Reason}).")]
        public static partial void NoStreaming(ILogger logger, string resource, string reason);
    }
}
