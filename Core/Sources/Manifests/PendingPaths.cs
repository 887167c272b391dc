namespace ProxyFramework.Core.Sources.Manifests;

/// <summary>
/// Paths that changed and wait until all has been quiet for a moment: an editor truncates and then writes, or removes and then renames,
/// and files that are changed together are to take effect together. A path that has waited for the limit is due all the same. Pure.
/// </summary>
internal sealed class PendingPaths(TimeSpan quiet, TimeSpan limit)
{
    private readonly Dictionary<string, (TimeSpan First, TimeSpan Last)> _paths = [];

    /// <summary>When the next path is due; null where none waits.</summary>
    public TimeSpan? NextDue
    {
        get
        {
            if (_paths.Count == 0)
            {
                return null;
            }

            var byQuiet = _paths.Values.Max(times => times.Last) + quiet;
            var byLimit = _paths.Values.Min(times => times.First) + limit;
            return byQuiet < byLimit ? byQuiet : byLimit;
        }
    }

    /// <summary>A path changed. Times are since any one moment.</summary>
    public void Mark(string path, TimeSpan now) =>
        _paths[path] = (_paths.TryGetValue(path, out var times) ? times.First : now, now);

    /// <summary>Removes and returns the paths that are due.</summary>
    public List<string> TakeDue(TimeSpan now)
    {
        if (NextDue is not { } next || next > now)
        {
            return [];
        }

        // Where the limit is what made one due, those that are still being written go on waiting.
        var due = _paths.Where(pair => pair.Value.Last + quiet <= now || pair.Value.First + limit <= now).Select(pair => pair.Key).ToList();
        foreach (var path in due)
        {
            _paths.Remove(path);
        }

        return due;
    }
}
