using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using ProxyFramework.Testing;

namespace ProxyFramework.Host.Tests;

/// <summary>The real program, as a process, from where the build lays it.</summary>
internal sealed class SvcproxyProcess : IAsyncDisposable
{
    private const int Sigint = 2;
    private const int Sigterm = 15;

    private readonly Process _process;
    private readonly ConcurrentQueue<string> _output = new();
    private readonly ConcurrentQueue<string> _errors = new();

    private SvcproxyProcess(string program, IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        _process = new Process { StartInfo = start };
        _process.OutputDataReceived += (_, line) => Add(_output, line.Data);
        _process.ErrorDataReceived += (_, line) => Add(_errors, line.Data);
        _process.Start();
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    /// <summary>artifacts/svcproxy of this repository.</summary>
    public static string Layout { get; } = FindLayout();

    public IEnumerable<string> Output => _output;

    public IEnumerable<string> Errors => _errors;

    public string ErrorText => string.Join('\n', _errors);

    public string OutputText => string.Join('\n', _output);

    public int ExitCode => _process.ExitCode;

    public bool HasExited => _process.HasExited;

    /// <summary>The processor time that it has used.</summary>
    public TimeSpan ProcessorTime
    {
        get
        {
            _process.Refresh();
            return _process.TotalProcessorTime;
        }
    }

    /// <summary>A value of its <c>/proc/PID/status</c> in MB, such as <c>VmRSS</c> or <c>VmHWM</c>, its highest (proc(5)).</summary>
    public double Megabytes(string name)
    {
        var line = File.ReadLines($"/proc/{_process.Id}/status").First(line => line.StartsWith(name + ":", StringComparison.Ordinal));
        return double.Parse(Regex.Match(line, @"\d+").Value, CultureInfo.InvariantCulture) * 1024 / 1e6;
    }

    public static SvcproxyProcess Start(params string[] arguments) => new(Path.Combine(Layout, "svcproxy"), arguments);

    /// <summary>Starts a program, such as <c>run.sh</c>, in a network namespace. Signals reach it, as every step before it is exec'd.</summary>
    /// <param name="network">The namespace.</param>
    /// <param name="isPrivileged">Whether it runs as root; else as nobody.</param>
    /// <param name="program">The program.</param>
    /// <param name="arguments">Its arguments.</param>
    public static SvcproxyProcess StartIn(NetworkNamespace network, bool isPrivileged, string program, params string[] arguments)
    {
        string[] user = isPrivileged ? [] : ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "env", "HOME=/nonexistent"];
        return new("nsenter", [$"--net={network.Path}", "--", .. user, program, .. arguments]);
    }

    /// <summary>Runs it to its end.</summary>
    public static async Task<SvcproxyProcess> RunAsync(params string[] arguments)
    {
        var process = Start(arguments);
        await process.EndedAsync();
        return process;
    }

    /// <summary>The port that a server was given, as the log tells.</summary>
    public async Task<ushort> PortOfAsync(string server)
    {
        var found = Match.Empty;
        await UntilAsync(() => (found = Regex.Match(ErrorText, server + @" at http://127\.0\.0\.1:(\d+)")).Success, $"where {server} listens");
        return ushort.Parse(found.Groups[1].Value, CultureInfo.InvariantCulture);
    }

    public void Terminate() => Assert.Equal(0, Kill(_process.Id, Sigterm));

    /// <summary>What Ctrl-C does.</summary>
    public void Interrupt() => Assert.Equal(0, Kill(_process.Id, Sigint));

    public async Task EndedAsync(double seconds = 60)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(seconds));
        await _process.WaitForExitAsync(limit.Token);
    }

    /// <summary>Waits until something is so, and shows what the program said where it never is.</summary>
    public async Task UntilAsync(Func<bool> condition, string what, double seconds = 60)
    {
        var clock = Stopwatch.StartNew();
        while (!condition())
        {
            Assert.True(clock.Elapsed < TimeSpan.FromSeconds(seconds), $"not seen: {what}\nstdout:\n{OutputText}\nstderr:\n{ErrorText}");
            await Task.Delay(20);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            await _process.WaitForExitAsync();
        }

        _process.Dispose();
    }

    [DllImport("libc", EntryPoint = "kill")]
    private static extern int Kill(int process, int signal);

    private static void Add(ConcurrentQueue<string> lines, string? line)
    {
        if (line is not null)
        {
            lines.Enqueue(line);
        }
    }

    private static string FindLayout()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "svcproxy", "svcproxy")))
        {
            folder = folder.Parent;
        }

        return Path.Combine(folder?.FullName ?? throw new InvalidOperationException("artifacts/svcproxy has not been built"), "svcproxy");
    }
}
