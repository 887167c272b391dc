namespace ProxyFramework.Core.Sources.Manifests;

/// <summary>What a look at the given paths found: the files, and what has to be watched to see them change.</summary>
internal sealed class ManifestScan
{
    private readonly Dictionary<string, string> _files = [];
    private readonly List<string> _order = [];
    private readonly Dictionary<string, List<string>> _targets = [];
    private readonly Dictionary<string, List<string>> _folders = [];
    private readonly List<(string Path, string Message)> _unreadable = [];
    private readonly HashSet<string> _directories = [];
    private bool _hasMissing;

    /// <summary>The files, by the path that they were given or found with, in the order of the paths given, then of names.</summary>
    public IReadOnlyList<string> Files => _order;

    /// <summary>Given paths that could not be looked into, with the reason: nothing is known of what is in them.</summary>
    public IReadOnlyList<(string Path, string Message)> Unreadable => _unreadable;

    /// <summary>The symbolic links on the way to the files, each by its path without links.</summary>
    public HashSet<string> Links { get; } = [];

    /// <summary>The directories whose entries matter, without links.</summary>
    public IReadOnlyCollection<string> Directories
    {
        get
        {
            foreach (var link in Links)
            {
                Watch(Path.GetDirectoryName(link) ?? "/");
            }

            return _directories;
        }
    }

    /// <summary>Where a file really is, at the end of all links; the path itself where it was not found.</summary>
    public string RealPath(string file) => _files.GetValueOrDefault(file, file);

    /// <summary>Whether it was found.</summary>
    public bool Contains(string file) => _files.ContainsKey(file);

    /// <summary>Whether a file is at, or in, a path that could not be looked into.</summary>
    public bool IsUnknown(string file) =>
        _unreadable.Exists(unreadable => file == unreadable.Path || Path.GetDirectoryName(file) == unreadable.Path);

    /// <param name="file">The path that it was given or found with.</param>
    /// <param name="real">Where it really is.</param>
    /// <param name="isInFolder">Whether it is where <see cref="AddFolder"/> has said that files are.</param>
    public void AddFile(string file, string real, bool isInFolder)
    {
        if (_files.TryAdd(file, real))
        {
            _order.Add(file);
        }

        if (!isInFolder)
        {
            Add(_targets, real, file);
            Watch(Path.GetDirectoryName(real) ?? "/");
        }
    }

    public void AddFolder(string real, string given)
    {
        Add(_folders, real, given);
        Watch(real);
        Watch(Path.GetDirectoryName(real) ?? "/");
    }

    public void AddMissing(string real, string given)
    {
        Add(_targets, real, given);
        _hasMissing = true;
    }

    public void AddUnreadable(string path, string message) => _unreadable.Add((path, message));

    /// <summary>Watches a directory, or, where there is none, the nearest one above that exists.</summary>
    public void Watch(string directory)
    {
        while (!Directory.Exists(directory))
        {
            _hasMissing = true;
            directory = Path.GetDirectoryName(directory) ?? "/";
        }

        _directories.Add(directory);
    }

    /// <summary>Whether a change of an entry can change which files there are, beyond the entry itself.</summary>
    public bool NeedsScan(string changed) => _hasMissing || Links.Contains(changed) || _directories.Contains(changed) || _folders.ContainsKey(changed);

    /// <summary>The files whose contents a change of an entry concerns; empty for what is none of ours.</summary>
    public IEnumerable<string> FilesAt(string changed)
    {
        foreach (var file in _targets.GetValueOrDefault(changed) ?? [])
        {
            yield return file;
        }

        if (Path.GetDirectoryName(changed) is { } directory && ManifestPaths.IsManifestName(Path.GetFileName(changed.AsSpan())))
        {
            foreach (var folder in _folders.GetValueOrDefault(directory) ?? [])
            {
                yield return Path.Combine(folder, Path.GetFileName(changed));
            }
        }
    }

    private static void Add(Dictionary<string, List<string>> lists, string key, string value)
    {
        if (!lists.TryGetValue(key, out var list))
        {
            lists[key] = list = [];
        }

        list.Add(value);
    }
}
