using System.IO.Enumeration;

namespace ProxyFramework.Core.Sources.Manifests;

/// <summary>
/// The files and folders that were given. Of a folder, the files <c>*.yaml</c>, <c>*.yml</c> and <c>*.json</c> count, but not those of
/// its subfolders (as with <c>kubectl apply -f DIR</c>), and not those that start with <c>.</c>, <c>#</c> or <c>~</c>, which are editors'.
/// A file that was given by name counts whatever its name.
/// </summary>
internal sealed class ManifestPaths
{
    private readonly List<string> _paths = [];

    /// <param name="paths">Files and folders.</param>
    /// <exception cref="InvalidManifestPathException">One of them does not exist, or cannot be read; the message names each.</exception>
    public ManifestPaths(IEnumerable<string> paths)
    {
        var errors = new List<string>();
        foreach (var path in paths)
        {
            if (string.IsNullOrWhiteSpace(path))
            {
                errors.Add("an empty path was given");
            }
            else if (Check(path) is { } error)
            {
                errors.Add($"{path}: {error}");
            }
            else if (Path.GetFullPath(path) is var full && !_paths.Contains(full))
            {
                _paths.Add(full);
            }
        }

        if (errors.Count > 0)
        {
            throw new InvalidManifestPathException($"manifests cannot be read: {string.Join("; ", errors)}");
        }
    }

    /// <summary>Whether a file of a folder counts, by its name.</summary>
    public static bool IsManifestName(ReadOnlySpan<char> name) =>
        name is [not ('.' or '#' or '~'), ..]
        && Path.GetExtension(name) is var extension
        && (extension.Equals(".yaml", StringComparison.OrdinalIgnoreCase)
            || extension.Equals(".yml", StringComparison.OrdinalIgnoreCase)
            || extension.Equals(".json", StringComparison.OrdinalIgnoreCase));

    /// <summary>Looks at what is there now.</summary>
    public ManifestScan Scan()
    {
        var scan = new ManifestScan();
        foreach (var path in _paths)
        {
            try
            {
                ScanPath(path, scan);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                scan.AddUnreadable(path, e.Message);
            }
        }

        return scan;
    }

    private static string? Check(string path)
    {
        try
        {
            if (Directory.Exists(path))
            {
                using var entries = Directory.EnumerateFileSystemEntries(path).GetEnumerator();
                entries.MoveNext();
                return null;
            }

            if (!File.Exists(path))
            {
                return "there is no such file or folder";
            }

            using var file = File.OpenHandle(path);
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return e.Message;
        }
    }

    private static void ScanPath(string path, ManifestScan scan)
    {
        var real = SymbolicLinks.Resolve(path, scan.Links);
        scan.Watch(Path.GetDirectoryName(path) is { } parent ? SymbolicLinks.Resolve(parent, scan.Links) : "/");
        if (Directory.Exists(real))
        {
            scan.AddFolder(real, path);
            foreach (var (name, isLink) in Entries(real))
            {
                var target = Path.Combine(real, name);
                scan.AddFile(Path.Combine(path, name), isLink ? SymbolicLinks.Resolve(target, scan.Links) : target, !isLink);
            }
        }
        else if (File.Exists(real))
        {
            scan.AddFile(path, real, isInFolder: false);
        }
        else
        {
            scan.AddMissing(real, path);
        }
    }

    private static List<(string Name, bool IsLink)> Entries(string folder)
    {
        var entries = new FileSystemEnumerable<(string Name, bool IsLink)>(
            folder,
            (ref FileSystemEntry entry) => (entry.FileName.ToString(), entry.Attributes.HasFlag(FileAttributes.ReparsePoint)))
        {
            ShouldIncludePredicate = (ref FileSystemEntry entry) => !entry.IsDirectory && IsManifestName(entry.FileName),
        };
        var sorted = entries.ToList();
        sorted.Sort(static (left, right) => string.CompareOrdinal(left.Name, right.Name));
        return sorted;
    }
}
