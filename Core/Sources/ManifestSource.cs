using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using ProxyFramework.Core.Sources.Manifests;

namespace ProxyFramework.Core.Sources;

/// <summary>
/// Services, EndpointSlices and Nodes from manifests: files of YAML or JSON, with any number of documents, and lists as
/// <c>kubectl get -o yaml</c> writes them. Changes of the files take effect within a fraction of a second. A broken document is
/// reported, and the last good state of its file stays in force. What is watched, and how, is described in the README beside this file.
/// </summary>
public sealed partial class ManifestSource : IServiceSource
{
    /// <summary>How long a file has to be quiet before it is read, and how long it can put that off.</summary>
    private static readonly TimeSpan Quiet = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan QuietLimit = TimeSpan.FromMilliseconds(500);

    /// <summary>How often the files are looked at for what no event told: a lost watch, a remote file system.</summary>
    private static readonly TimeSpan LookPeriod = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan LongestLookPeriod = TimeSpan.FromMinutes(1);

    /// <summary>After work that took long, the next look waits this many times as long: a look at ten thousand files is not free.</summary>
    private const int RestAfterWork = 200;

    /// <summary>How many objects are published at once at the start.</summary>
    private const int InitialBatch = 512;

    private readonly ManifestPaths _paths;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;

    /// <summary>A source of what these files and folders hold.</summary>
    /// <param name="paths">
    /// Files, and folders of which the files <c>*.yaml</c>, <c>*.yml</c> and <c>*.json</c> are read, not those of subfolders.
    /// </param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">For what is no problem of an object: kinds passed over, directories that cannot be watched.</param>
    /// <exception cref="InvalidManifestPathException">A path does not exist or cannot be read; the message names each.</exception>
    public ManifestSource(IEnumerable<string> paths, TimeProvider time, ILogger<ManifestSource> logger)
    {
        ArgumentNullException.ThrowIfNull(paths);
        ArgumentNullException.ThrowIfNull(time);
        ArgumentNullException.ThrowIfNull(logger);
        _paths = new ManifestPaths(paths);
        _time = time;
        _logger = logger;
    }

    /// <inheritdoc/>
    public string Name => "manifests";

    /// <inheritdoc/>
    public async Task RunAsync(ISourceSink sink, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(sink);
        var changes = Channel.CreateUnbounded<string>();
        using var watchers = new DirectoryWatchers(changes.Writer, _logger);
        var run = new Run(_paths, new ManifestFiles(_logger), watchers, sink);
        var start = _time.GetTimestamp();

        // Watched before it is read, so that nothing falls between the two.
        var events = run.RefreshAll();
        foreach (var batch in events.Chunk(InitialBatch))
        {
            await sink.PublishAsync(batch, cancellationToken).ConfigureAwait(false);
        }

        await sink.PublishAsync([new SourceEvent.Complete()], cancellationToken).ConfigureAwait(false);
        Log.Loaded(_logger, run.ObjectCount, run.FileCount, _time.GetElapsedTime(start).TotalMilliseconds);

        var nextLook = _time.GetElapsedTime(start) + LookPeriod;
        var changed = changes.Reader.WaitToReadAsync(cancellationToken).AsTask();
        while (true)
        {
            var until = run.NextDue is { } due && due < nextLook ? due : nextLook;
            await WaitAsync(changed, until - _time.GetElapsedTime(start), cancellationToken).ConfigureAwait(false);
            if (changed.IsCompleted)
            {
                await changed.ConfigureAwait(false);
                while (changes.Reader.TryRead(out var path))
                {
                    run.MarkChanged(path, _time.GetElapsedTime(start));
                }

                changed = changes.Reader.WaitToReadAsync(cancellationToken).AsTask();
            }

            var now = _time.GetElapsedTime(start);
            if (now >= nextLook)
            {
                nextLook = now + LookPeriod;
                run.MarkAll(now);
            }

            await PublishDueAsync(run, now, sink, cancellationToken).ConfigureAwait(false);
            var rest = RestAfterWork * (_time.GetElapsedTime(start) - now);
            if (now + rest > nextLook)
            {
                nextLook = now + (rest < LongestLookPeriod ? rest : LongestLookPeriod);
            }
        }
    }

    private async Task PublishDueAsync(Run run, TimeSpan now, ISourceSink sink, CancellationToken cancellationToken)
    {
        List<SourceEvent> events;
        try
        {
            events = run.RefreshDue(now);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or AggregateException)
        {
            Log.LookFailed(_logger, e);
            return;
        }

        if (events.Count > 0)
        {
            await sink.PublishAsync(events, cancellationToken).ConfigureAwait(false);
            Log.Changed(_logger, events.Count);
        }
    }

    private async Task WaitAsync(Task changed, TimeSpan limit, CancellationToken cancellationToken)
    {
        if (limit <= TimeSpan.Zero)
        {
            cancellationToken.ThrowIfCancellationRequested();
            return;
        }

        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        await Task.WhenAny(changed, Task.Delay(limit, _time, ended.Token)).ConfigureAwait(false);
        await ended.CancelAsync().ConfigureAwait(false);
        cancellationToken.ThrowIfCancellationRequested();
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Information, "Loaded {Objects} objects from {Files} manifest files in {Milliseconds:F0} ms")]
        public static partial void Loaded(ILogger logger, int objects, int files, double milliseconds);

        [LoggerMessage(2, LogLevel.Debug, "Manifests changed: {Events} events")]
        public static partial void Changed(ILogger logger, int events);

        [LoggerMessage(3, LogLevel.Warning, "The manifests could not be looked at, which is tried again")]
        public static partial void LookFailed(ILogger logger, Exception exception);
    }

    /// <summary>One run's view of the files: what is due to be read, and what reading it changes.</summary>
    private sealed class Run(ManifestPaths paths, ManifestFiles files, DirectoryWatchers watchers, ISourceSink sink)
    {
        /// <summary>Stands, among the pending paths, for a look at everything.</summary>
        private const string Everything = DirectoryWatchers.Overflow;

        private readonly PendingPaths _pending = new(Quiet, QuietLimit);
        private readonly Dictionary<string, string> _unreadable = [];
        private ManifestScan _scan = new();

        public TimeSpan? NextDue => _pending.NextDue;

        public int ObjectCount => files.ObjectCount;

        public int FileCount => files.Known.Count;

        public void MarkAll(TimeSpan now) => _pending.Mark(Everything, now);

        public void MarkChanged(string path, TimeSpan now)
        {
            if (path == DirectoryWatchers.Overflow || _scan.NeedsScan(path))
            {
                // If it was a directory, it is another one now, or none.
                watchers.Forget(path);
                MarkAll(now);
            }

            foreach (var file in _scan.FilesAt(path))
            {
                _pending.Mark(file, now);
                if (!_scan.Contains(file))
                {
                    MarkAll(now);
                }
            }
        }

        public List<SourceEvent> RefreshAll()
        {
            Look();
            return files.Refresh(_scan.Files, _scan, sink.Report);
        }

        public List<SourceEvent> RefreshDue(TimeSpan now)
        {
            var due = _pending.TakeDue(now);
            if (due.Count == 0)
            {
                return [];
            }

            if (due.Remove(Everything))
            {
                Look();
                var marked = due.ToHashSet();
                due.AddRange(_scan.Files.Where(file => !marked.Contains(file) && files.LooksChanged(file, _scan)));

                // What seems gone may only be about to be replaced.
                foreach (var file in files.Known.Where(file => !_scan.Contains(file) && !_scan.IsUnknown(file) && !marked.Contains(file)))
                {
                    _pending.Mark(file, now);
                }
            }

            return files.Refresh(due, _scan, sink.Report);
        }

        private void Look()
        {
            _scan = paths.Scan();
            if (watchers.Update(_scan.Directories))
            {
                _scan = paths.Scan();
                watchers.Update(_scan.Directories);
            }

            foreach (var (path, message) in _scan.Unreadable)
            {
                if (!_unreadable.TryGetValue(path, out var earlier) || earlier != message)
                {
                    sink.Report(new ObjectProblem(path, "", "", $"cannot be read: {message}"));
                }
            }

            _unreadable.Clear();
            foreach (var (path, message) in _scan.Unreadable)
            {
                _unreadable[path] = message;
            }
        }
    }
}
