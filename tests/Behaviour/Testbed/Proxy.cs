using System.Collections.Concurrent;
using System.Diagnostics;
using ProxyFramework.Behaviour.Suite;

namespace ProxyFramework.Behaviour.Testbed;

/// <summary>The program under test: one process of <c>svcproxy run</c> inside the node's namespace, and its log.</summary>
public sealed class Proxy : IAsyncDisposable
{
    private readonly Process _process;
    private readonly ConcurrentQueue<string> _log = new();

    private Proxy(Process process)
    {
        _process = process;
        process.OutputDataReceived += (_, line) => Keep(line.Data);
        process.ErrorDataReceived += (_, line) => Keep(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    /// <summary>What it has written so far, both streams.</summary>
    public IReadOnlyCollection<string> Log => _log;

    public bool HasExited => _process.HasExited;

    public int ProcessId => _process.Id;

    /// <summary>Starts it, in the mode under test or in another; returns before it is ready.</summary>
    public static Proxy Start(NetworkNamespace node, IEnumerable<string> manifests, IEnumerable<string> flags, string? mode = null)
    {
        ArgumentNullException.ThrowIfNull(node);
        // `ip netns exec` becomes the program, so the process id is the program's.
        string[] arguments =
        [
            "netns", "exec", node.Name, TestedBackend.Program, "run", $"--mode={mode ?? TestedBackend.Mode}", "--hostname-override=node-1",
            .. manifests.Select(path => "--manifests=" + path), .. flags, .. TestedBackend.Flags,
        ];
        var start = new ProcessStartInfo("ip", arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        return new Proxy(Process.Start(start) ?? throw new InvalidOperationException("the program did not start"));
    }

    /// <summary>Runs <c>svcproxy cleanup</c>, for the mode under test or for another.</summary>
    public static Task<(int ExitCode, string Output, string Error)> CleanupAsync(NetworkNamespace node, string? mode = null)
    {
        ArgumentNullException.ThrowIfNull(node);
        return node.TryExecAsync(TestedBackend.Program, ["cleanup", $"--mode={mode ?? TestedBackend.Mode}", .. TestedBackend.Flags]);
    }

    /// <summary>Ends it as a crash does (SIGKILL).</summary>
    public Task KillAsync() => SignalAsync(Native.SIGKILL);

    /// <summary>Ends it as an orderly stop does (SIGTERM).</summary>
    public Task TerminateAsync() => SignalAsync(Native.SIGTERM);

    /// <summary>The last lines of its log, for messages.</summary>
    public string Tail(int lines = 40) => string.Join('\n', _log.TakeLast(lines));

    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        _process.Dispose();
    }

    private async Task SignalAsync(int signal)
    {
        if (!_process.HasExited)
        {
            _ = Native.kill(_process.Id, signal);
            using var deadline = new CancellationTokenSource(Pace.Limit(30));
            await _process.WaitForExitAsync(deadline.Token);
        }
    }

    private void Keep(string? line)
    {
        if (line is not null)
        {
            _log.Enqueue(line);
        }
    }
}
