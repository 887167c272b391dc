namespace ProxyFramework.Core.Sources.Manifests;

/// <summary>
/// Paths that changed and wait until they have been quiet for a moment, so that a file is read when its writer is done: an editor
/// truncates and then writes, or removes and then renames. One that never is quiet is due after a while all the same. Pure.
/// </summary>
internal sealed class PendingPaths(TimeSpan quiet, TimeSpan limit)
{
    private readonly Dictionary<string, (TimeSpan First, TimeSpan Last)> _paths = [];

    /// <summary>A path changed. Times are since any one moment.</summary>
    public void Mark(string path, TimeSpan now) =>
        _paths[path] = (_paths.TryGetValue(path, out var times) ? times.First : now, now);

    /// <summary>When the next path is due; null where none waits.</summary>
    public TimeSpan? NextDue => _paths.Count == 0 ? null : _paths.Values.Min(Due);

    /// <summary>Removes and returns the paths that are due.</summary>
    public List<string> TakeDue(TimeSpan now)
    {
        var due = _paths.Where(pair => Due(pair.Value) <= now).Select(pair => pair.Key).ToList();
        foreach (var path in due)
        {
            _paths.Remove(path);
        }

        return due;
    }

    private TimeSpan Due((TimeSpan First, TimeSpan Last) times)
    {
        var byQuiet = times.Last + quiet;
        var byLimit = times.First + limit;
        return byQuiet < byLimit ? byQuiet : byLimit;
    }
}
