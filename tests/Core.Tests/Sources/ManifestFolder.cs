using System.Diagnostics;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using ProxyFramework.Core.Sources;
using Xunit;

namespace ProxyFramework.Core.Tests.Sources;

/// <summary>A temporary folder, and a source that reads from it.</summary>
internal sealed class ManifestFolder : IAsyncDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("manifests-");
    private readonly CancellationTokenSource _stop = new();
    private Task _running = Task.CompletedTask;

    public string Path => _folder.FullName;

    public CollectingSink Sink { get; init; } = new();

    public static string ServiceYaml(string name, int port = 80) =>
        $"apiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\nspec:\n  clusterIP: 10.96.0.1\n  ports:\n  - port: {port}\n";

    public string At(string name) => System.IO.Path.Combine(Path, name);

    public void Write(string name, string text) => File.WriteAllText(At(name), text);

    /// <summary>As careful writers do: another file, renamed over the old one.</summary>
    public void WriteAtomically(string name, string text)
    {
        File.WriteAllText(At($".{name}.new"), text);
        File.Move(At($".{name}.new"), At(name), overwrite: true);
    }

    /// <summary>Renames a symbolic link over another one, as one step; File.Move does not take links to folders.</summary>
    public async Task RenameAsync(string from, string to)
    {
        using var process = Process.Start("mv", ["-T", At(from), At(to)]);
        await process.WaitForExitAsync();
        Assert.Equal(0, process.ExitCode);
    }

    /// <summary>Starts the source and waits until it is complete.</summary>
    public async Task StartAsync(params string[] paths) => await StartAsync(NullLogger<ManifestSource>.Instance, paths);

    public async Task StartAsync(ILogger<ManifestSource> logger, params string[] paths)
    {
        var source = new ManifestSource(paths.Length == 0 ? [Path] : paths, TimeProvider.System, logger);
        _running = Task.Run(() => source.RunAsync(Sink, _stop.Token));
        await Eventually.TrueAsync(() => Sink.IsComplete || _running.IsCompleted);
        Assert.False(_running.IsCompleted, _running.Exception?.ToString());
    }

    /// <summary>Waits until exactly these objects are in force (<c>Service default/web</c>).</summary>
    public Task ObjectsAsync(params string[] names)
    {
        var expected = string.Join(" ", names.Order(StringComparer.Ordinal));
        return Eventually.TrueAsync(() => Sink.Names() == expected, () => $"expected {expected}, found {Sink.Names()}");
    }

    /// <summary>Waits until a Service has this port.</summary>
    public Task PortAsync(string service, int port) => Eventually.TrueAsync(
        () => Sink.Service(service)?.Ports is [var only] && only.Port == port, () => $"{service} has {Sink.Service(service)}");

    /// <summary>Waits until a problem is reported that contains this.</summary>
    public Task ProblemAsync(string part) => Eventually.TrueAsync(
        () => Sink.Problems.Exists(problem => problem.ToString().Contains(part, StringComparison.Ordinal)),
        () => $"no '{part}' in {string.Join('\n', Sink.Problems)}");

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        try
        {
            await _running;
        }
        catch (OperationCanceledException)
        {
        }

        _stop.Dispose();
        _folder.Delete(recursive: true);
    }
}
