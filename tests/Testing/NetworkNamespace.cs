using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.ExceptionServices;
using static Tmds.Linux.LibC;

namespace ProxyFramework.Testing;

/// <summary>
/// A fresh network namespace without a name (network_namespaces(7)), held by a thread of its own. It is gone when that thread
/// and all sockets and processes in it are. Needs root; without, creating one throws, so a test fails and does not skip.
/// </summary>
public sealed class NetworkNamespace : IDisposable
{
    private static readonly TimeSpan ExecTimeout = TimeSpan.FromSeconds(60);

    private readonly BlockingCollection<Action> _work = [];
    private readonly Thread _thread;
    private string _task = "";

    private NetworkNamespace()
    {
        using var entered = new ManualResetEventSlim();
        Exception? refused = null;
        _thread = new Thread(() =>
        {
            refused = Enter();
            entered.Set();
            if (refused is null)
            {
                foreach (var action in _work.GetConsumingEnumerable())
                {
                    action();
                }
            }
        })
        {
            IsBackground = true,
            Name = "network namespace",
        };
        _thread.Start();
        entered.Wait();
        if (refused is not null)
        {
            throw refused;
        }
    }

    /// <summary>The file that stands for the namespace, for <c>nsenter --net=…</c> and <c>ip link set … netns</c>.</summary>
    public string Path => $"/proc/{_task}/ns/net";

    /// <summary>A new namespace, with its loopback interface up.</summary>
    public static NetworkNamespace Create()
    {
        var created = new NetworkNamespace();
        created.Exec("ip", "link", "set", "lo", "up");
        return created;
    }

    /// <summary>Runs code on the namespace's thread: the sockets that it opens belong to the namespace, for good.</summary>
    public void Run(Action action) => Run<object?>(() =>
    {
        action();
        return null;
    });

    /// <inheritdoc cref="Run(Action)"/>
    public T Run<T>(Func<T> function)
    {
        if (Thread.CurrentThread == _thread)
        {
            return function(); // the thread that would do it is the one that would wait for it
        }

        using var done = new ManualResetEventSlim();
        T result = default!;
        ExceptionDispatchInfo? failure = null;
        _work.Add(() =>
        {
            try
            {
                result = function();
            }
            catch (Exception exception)
            {
                failure = ExceptionDispatchInfo.Capture(exception);
            }
            finally
            {
                done.Set();
            }
        });
        done.Wait();
        failure?.Throw();
        return result;
    }

    /// <summary>Runs a program in the namespace and returns what it printed; throws where it fails.</summary>
    public string Exec(string program, params string[] arguments) => ExecWithInput(null, program, arguments);

    /// <summary>Runs a program in the namespace with this on its standard input.</summary>
    public string ExecWithInput(string? input, string program, params string[] arguments)
    {
        using var process = Start(program, arguments);
        if (input is not null)
        {
            process.StandardInput.Write(input);
        }

        process.StandardInput.Close();
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEndAsync();
        if (!process.WaitForExit(ExecTimeout))
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{program} {string.Join(' ', arguments)} did not end within {ExecTimeout.TotalSeconds} s");
        }

        process.WaitForExit();
        return process.ExitCode == 0
            ? output.Result
            : throw new InvalidOperationException($"{program} {string.Join(' ', arguments)}: exit code {process.ExitCode}: {errors.Result}{output.Result}");
    }

    /// <summary>Starts a program in the namespace, with all its streams redirected. The caller ends it.</summary>
    public Process Start(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo("nsenter", [$"--net={Path}", "--", program, .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        return Process.Start(start)!;
    }

    /// <summary>Ends the thread. The kernel removes the namespace with its last user.</summary>
    public void Dispose()
    {
        _work.CompleteAdding();
        _thread.Join();
        _work.Dispose();
    }

    private InvalidOperationException? Enter()
    {
        // "PID/task/TID" of the calling thread (proc(5)).
        _task = new FileInfo("/proc/thread-self").LinkTarget!;
        return unshare(CLONE_NEWNET) == 0
            ? null
            : new InvalidOperationException($"unshare(CLONE_NEWNET): error {errno.ToString(CultureInfo.InvariantCulture)}; these tests need root");
    }
}
