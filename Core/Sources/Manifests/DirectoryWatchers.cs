using System.Threading.Channels;
using Microsoft.Extensions.Logging;

namespace ProxyFramework.Core.Sources.Manifests;

/// <summary>Tells of changed entries of some directories (inotify). What it misses, for want of watches say, the slow look finds.</summary>
internal sealed partial class DirectoryWatchers(ChannelWriter<string> changes, ILogger logger) : IDisposable
{
    /// <summary>Written instead of a path where changes were lost.</summary>
    public const string Overflow = "";

    /// <summary>Each takes one of the user's inotify instances, of which there are 128 by default (fs.inotify.max_user_instances).</summary>
    private const int MaxWatchers = 32;

    private readonly Dictionary<string, FileSystemWatcher> _watchers = [];
    private bool _hasWarned;

    /// <summary>Watches these directories and no others.</summary>
    /// <returns>Whether one was added: what changed in it before is not told.</returns>
    public bool Update(IReadOnlyCollection<string> directories)
    {
        foreach (var gone in _watchers.Keys.Where(directory => !directories.Contains(directory)).ToList())
        {
            Forget(gone);
        }

        var isAnyNew = false;
        foreach (var directory in directories)
        {
            isAnyNew |= !_watchers.ContainsKey(directory) && TryWatch(directory);
        }

        return isAnyNew;
    }

    /// <summary>A directory is no longer the one that is watched: another one may have taken its name.</summary>
    public void Forget(string directory)
    {
        if (_watchers.Remove(directory, out var watcher))
        {
            watcher.Dispose();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var watcher in _watchers.Values)
        {
            watcher.Dispose();
        }

        _watchers.Clear();
    }

    private bool TryWatch(string directory)
    {
        if (_watchers.Count >= MaxWatchers)
        {
            Warn(directory, $"more than {MaxWatchers} directories would have to be watched");
            return false;
        }

        FileSystemWatcher? watcher = null;
        try
        {
            watcher = new FileSystemWatcher(directory)
            {
                NotifyFilter = NotifyFilters.FileName | NotifyFilters.DirectoryName | NotifyFilters.LastWrite | NotifyFilters.Size
                    | NotifyFilters.Attributes,
            };
            watcher.Changed += (_, e) => changes.TryWrite(e.FullPath);
            watcher.Created += (_, e) => changes.TryWrite(e.FullPath);
            watcher.Deleted += (_, e) => changes.TryWrite(e.FullPath);
            watcher.Renamed += (_, e) =>
            {
                changes.TryWrite(e.OldFullPath);
                changes.TryWrite(e.FullPath);
            };
            watcher.Error += (_, _) => changes.TryWrite(Overflow);
            watcher.EnableRaisingEvents = true;
            _watchers.Add(directory, watcher);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            watcher?.Dispose();
            Warn(directory, e.Message);
            return false;
        }
    }

    private void Warn(string directory, string reason)
    {
        if (!_hasWarned)
        {
            _hasWarned = true;
            Log.NotWatched(logger, directory, reason);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Warning, "{Directory} cannot be watched, changes there are seen later: {Reason}")]
        public static partial void NotWatched(ILogger logger, string directory, string reason);
    }
}
