using System.Diagnostics;

namespace ProxyFramework.Host.Tests;

/// <summary>A copy of the sources without anything that was built, in which <c>run.sh</c> has built the program. It belongs to nobody.</summary>
[CollectionDefinition(nameof(FreshClone))]
public sealed class FreshClone : ICollectionFixture<FreshClone>, IAsyncLifetime
{
    private readonly TempFolder _folder = new();

    public string RunScript => Path.Combine(_folder.Path, "run.sh");

    /// <summary>The program that it has built.</summary>
    public string Program => Path.Combine(_folder.Path, "artifacts", "svcproxy", "svcproxy");

    public string Manifest => Path.Combine(_folder.Path, "samples", "quickstart", "web.yaml");

    /// <summary>What the first call of <c>run.sh</c> said, beside the program's own output.</summary>
    public string BuildOutput { get; private set; } = "";

    public async ValueTask InitializeAsync()
    {
        var root = Directory.GetParent(SvcproxyProcess.Layout)!.Parent!.FullName;
        foreach (var entry in new DirectoryInfo(root).EnumerateFileSystemInfos().Where(entry => entry.Name is not (".git" or "artifacts")))
        {
            await RunAsync("cp", "-a", entry.FullName, _folder.Path);
        }

        BuildOutput = await RunAsync(RunScript, "--version");
        await RunAsync("chown", "-R", "nobody", _folder.Path);
    }

    public ValueTask DisposeAsync()
    {
        _folder.Dispose();
        return ValueTask.CompletedTask;
    }

    /// <summary>Puts the manifest back to what ships.</summary>
    public string ResetManifest()
    {
        var shipped = File.ReadAllText(Path.Combine(SvcproxyProcess.Layout, "samples", "quickstart", "web.yaml"));
        File.WriteAllText(Manifest, shipped);
        return shipped;
    }

    private static async Task<string> RunAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, $"{program} {string.Join(' ', arguments)}: exit code {process.ExitCode}\n{await output}{errors}");
        return errors;
    }
}
