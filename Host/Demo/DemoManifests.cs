namespace ProxyFramework.Host.Demo;

/// <summary>The folder whose manifests the demo proxies and its viewer edits.</summary>
internal sealed class DemoManifests : IDisposable
{
    private readonly bool _isTemporary;

    private DemoManifests(string path, bool isTemporary)
    {
        Path = path;
        _isTemporary = isTemporary;
    }

    /// <summary>The folder's path.</summary>
    public string Path { get; }

    /// <summary>
    /// The folder given; else the one that comes with the program; else, where that cannot be written (a program folder that
    /// belongs to root, or a container's image), a copy of it that lives as long as the demo.
    /// </summary>
    public static DemoManifests Open(string? given)
    {
        if (given is not null)
        {
            return new DemoManifests(System.IO.Path.GetFullPath(given), isTemporary: false);
        }

        var shipped = System.IO.Path.Combine(AppContext.BaseDirectory, "samples", "quickstart");
        if (CanWrite(shipped))
        {
            return new DemoManifests(shipped, isTemporary: false);
        }

        var copy = Directory.CreateTempSubdirectory("svcproxy-demo-").FullName;
        foreach (var file in Directory.EnumerateFiles(shipped))
        {
            // Read and written anew rather than copied: a copy would keep the mode that forbids to edit it.
            File.WriteAllText(System.IO.Path.Combine(copy, System.IO.Path.GetFileName(file)), File.ReadAllText(file));
        }

        return new DemoManifests(copy, isTemporary: true);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_isTemporary)
        {
            Directory.Delete(Path, recursive: true);
        }
    }

    private static bool CanWrite(string folder)
    {
        try
        {
            // Whether editing will work depends on owner, mode, capabilities and mount: trying is the one sure way to know.
            foreach (var file in Directory.EnumerateFiles(folder, "*.yaml"))
            {
                using var _ = File.Open(file, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
            }

            return true;
        }
        catch (Exception error) when (error is UnauthorizedAccessException or IOException)
        {
            return false;
        }
    }
}
