namespace ProxyFramework.Core.Sources.Manifests;

/// <summary>Follows symbolic links one at a time, so that every one on the way is known and can be watched.</summary>
internal static class SymbolicLinks
{
    /// <summary>As many as the kernel follows (MAXSYMLINKS).</summary>
    private const int MaxLinks = 40;

    /// <summary>The path without any link in it. What does not exist stays as it is.</summary>
    /// <param name="path">An absolute path.</param>
    /// <param name="links">Takes each link on the way, by its own path without links.</param>
    /// <exception cref="IOException">There are too many links, or one leads back to itself.</exception>
    public static string Resolve(string path, ISet<string> links)
    {
        var rest = new Stack<string>(Parts(path).Reverse());
        var resolved = "/";
        var followed = 0;
        while (rest.TryPop(out var part))
        {
            if (part == ".")
            {
                continue;
            }

            if (part == "..")
            {
                resolved = Path.GetDirectoryName(resolved) ?? "/";
                continue;
            }

            var next = Path.Combine(resolved, part);
            if (new FileInfo(next).LinkTarget is not { } target)
            {
                resolved = next;
                continue;
            }

            if (++followed > MaxLinks)
            {
                throw new IOException($"{path}: too many symbolic links");
            }

            links.Add(next);
            resolved = Path.IsPathRooted(target) ? "/" : resolved;
            foreach (var targetPart in Parts(target).Reverse())
            {
                rest.Push(targetPart);
            }
        }

        return resolved;
    }

    private static string[] Parts(string path) => path.Split('/', StringSplitOptions.RemoveEmptyEntries);
}
