namespace ProxyFramework.Core.Plugins;

/// <summary>A folder <c>DIR/NAME</c> that should hold a plugin <c>NAME.dll</c>.</summary>
/// <param name="Directory">The plugins folder that it was found in.</param>
/// <param name="Name">Its own name.</param>
internal sealed record PluginFolder(string Directory, string Name)
{
    /// <summary>The folder.</summary>
    public string Path => System.IO.Path.Combine(Directory, Name);

    /// <summary>Where its assembly must be.</summary>
    public string AssemblyPath => System.IO.Path.Combine(Path, Name + ".dll");

    /// <summary>The plugin folders in a plugins folder, ordered by name. Hidden ones are left out.</summary>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static IEnumerable<PluginFolder> Find(string directory) => new DirectoryInfo(directory)
        .EnumerateDirectories()
        .Where(folder => !folder.Name.StartsWith('.'))
        .OrderBy(folder => folder.Name, StringComparer.Ordinal)
        .Select(folder => new PluginFolder(directory, folder.Name));

    /// <summary>Refuses a folder without its assembly.</summary>
    /// <exception cref="PluginProblemException">There is no such file.</exception>
    public void RequireAssembly()
    {
        if (!File.Exists(AssemblyPath))
        {
            throw new PluginProblemException(
                $"{Path} holds no {Name}.dll: a plugin's assembly has the name of its folder; rename one of the two, or remove the folder");
        }
    }

    /// <summary>
    /// Refuses a plugin that others can change: the plugins folder, this folder, and every file in it, since dependencies are
    /// loaded from there as well.
    /// </summary>
    /// <exception cref="PluginProblemException">Which file, and what to do.</exception>
    public void RequireTrustedFiles()
    {
        try
        {
            RequireTrusted(Directory, whole: null);

            // One command mends the whole plugin: naming file after file would be a long conversation.
            RequireTrusted(Path, whole: Path);
            foreach (var path in System.IO.Directory.EnumerateFileSystemEntries(Path, "*", SearchOption.AllDirectories))
            {
                RequireTrusted(path, whole: Path);
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new PluginProblemException($"the permissions of {Path} cannot be examined: {error.Message}");
        }
    }

    private static void RequireTrusted(string path, string? whole)
    {
        if (FileOwnership.FindProblem(path, whole) is { } problem)
        {
            throw new PluginProblemException(
                problem + ", or allow it with --allow-insecure-plugins. A plugin runs with all privileges of the proxy");
        }
    }
}
