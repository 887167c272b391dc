using System.Globalization;
using System.Text.RegularExpressions;
using ProxyFramework.Testing;

namespace ProxyFramework.Host.Tests;

/// <summary>
/// What the README promises of <c>./run.sh</c>, from a fresh clone and as a user without privileges, in a network namespace: the demo's
/// addresses are known ones, and may be in use on the machine.
/// </summary>
[Collection(nameof(FreshClone))]
public sealed class QuickstartTests(FreshClone clone) : IDisposable
{
    private const string Url = "http://127.96.0.10:8080/";

    private readonly NetworkNamespace _network = NetworkNamespace.Create();

    [Fact]
    public async Task The_demo_says_what_to_try_spreads_requests_shows_each_and_ends_with_Ctrl_C()
    {
        Assert.Contains("building svcproxy", clone.BuildOutput, StringComparison.Ordinal);
        await using var demo = await StartDemoAsync();
        Assert.Contains("curl " + Url, demo.OutputText, StringComparison.Ordinal);
        Assert.Contains(clone.Manifest, demo.OutputText, StringComparison.Ordinal);
        Assert.Contains("curl http://127.0.0.11:9376/stop", demo.OutputText, StringComparison.Ordinal);
        Assert.Empty(demo.ErrorText);

        var names = new List<string>();
        for (var i = 0; i < 9; i++)
        {
            names.Add(await AskAsync());
        }

        Assert.Equal(["web-1", "web-2", "web-3"], names.Distinct().Order());
        await demo.UntilAsync(() => RequestLines(demo) >= 9, "a line for each request");
        await Task.WhenAll(Enumerable.Range(0, 200).Select(_ => AskAsync()));
        await demo.UntilAsync(() => demo.OutputText.Contains("  and → web-1 ", StringComparison.Ordinal), "a count of what an eye cannot follow");

        demo.Interrupt();
        await demo.EndedAsync(10);
        Assert.Equal(0, demo.ExitCode);
        Assert.Empty(demo.ErrorText);
    }

    [Fact]
    public async Task An_endpoint_taken_out_of_the_manifest_or_put_in_shows_at_once_and_no_request_fails()
    {
        await using var demo = await StartDemoAsync();
        await using var asking = Asking.Start(AskAsync);
        var shipped = await File.ReadAllTextAsync(clone.Manifest);

        await File.WriteAllTextAsync(clone.Manifest, Edit(shipped, "- addresses: [127.0.0.12]", ""));
        await demo.UntilAsync(() => demo.OutputText.Contains("endpoint web-2 127.0.0.12:9376 is gone", StringComparison.Ordinal), "that the endpoint is gone");
        Assert.DoesNotContain("web-2", await asking.NextAsync(12));

        await File.WriteAllTextAsync(clone.Manifest, Edit(shipped, "# - addresses: [127.0.0.14]", "- addresses: [127.0.0.14]"));
        await demo.UntilAsync(() => demo.OutputText.Contains("endpoint web-4 127.0.0.14:9376 is new", StringComparison.Ordinal), "that the endpoint is new");
        Assert.Contains("web-4", await asking.NextAsync(12));
    }

    [Fact]
    public async Task A_server_that_goes_away_without_a_word_is_covered_by_the_others_and_no_request_fails()
    {
        await using var demo = await StartDemoAsync();
        await using var asking = Asking.Start(AskAsync);
        await asking.NextAsync(6);

        await AskAsync("http://127.0.0.11:9376/stop");
        await demo.UntilAsync(() => demo.OutputText.Contains("web-1 at 127.0.0.11:9376 is away", StringComparison.Ordinal), "that the server is away");
        var names = await asking.NextAsync(30);
        Assert.DoesNotContain("web-1", names);
        Assert.Equal(["web-2", "web-3"], names.Distinct().Order());
        await demo.UntilAsync(
            () => demo.Output.Any(line => line.Contains("web-1", StringComparison.Ordinal) && line.Contains("refused", StringComparison.Ordinal)), "a refused connection");
    }

    [Fact]
    public async Task A_load_generator_sees_no_error_in_10_s()
    {
        await using var demo = await StartDemoAsync();

        var report = await Task.Run(() => _network.Exec("wrk", "--threads=1", "--connections=50", "--duration=10s", Url));

        Assert.DoesNotContain("Socket errors", report, StringComparison.Ordinal);
        Assert.DoesNotContain("Non-2xx", report, StringComparison.Ordinal);
        var requests = int.Parse(Regex.Match(report, @"(\d+) requests in").Groups[1].Value, CultureInfo.InvariantCulture);
        Assert.True(requests > 1000, report);
        await demo.UntilAsync(() => demo.OutputText.Contains("in this second → ", StringComparison.Ordinal), "counts");

        // Not one line a request: what it says stays readable.
        Assert.InRange(demo.Output.Count(), 0, 100);
    }

    [Fact]
    public async Task Arguments_exit_codes_and_signals_pass_through_run_sh()
    {
        await using var plugins = SvcproxyProcess.StartIn(_network, isPrivileged: false, clone.RunScript, "plugins");
        await plugins.EndedAsync();
        Assert.Equal(0, plugins.ExitCode);
        Assert.Contains("userspace", plugins.OutputText, StringComparison.Ordinal);
        Assert.DoesNotContain("building", plugins.ErrorText, StringComparison.Ordinal);

        await using var wrong = SvcproxyProcess.StartIn(_network, isPrivileged: false, clone.RunScript, "run", "--no-such-flag");
        await wrong.EndedAsync();
        Assert.Equal(2, wrong.ExitCode);

        await using var missing = SvcproxyProcess.StartIn(
            _network, isPrivileged: false, clone.RunScript, "--mode=nothing", "--manifests", clone.Manifest);
        await missing.EndedAsync();
        Assert.Equal(3, missing.ExitCode);

        await using var run = SvcproxyProcess.StartIn(
            _network, isPrivileged: false, clone.RunScript, "run", "--mode=userspace", "--manifests", clone.Manifest);
        await run.UntilAsync(() => run.ErrorText.Contains("in force", StringComparison.Ordinal), "that services are in force");
        run.Terminate();
        await run.EndedAsync(5);
        Assert.Equal(0, run.ExitCode);
    }

    public void Dispose() => _network.Dispose();

    private async Task<SvcproxyProcess> StartDemoAsync()
    {
        clone.ResetManifest();
        var demo = SvcproxyProcess.StartIn(_network, isPrivileged: false, clone.RunScript);
        await demo.UntilAsync(() => demo.OutputText.Contains("end it", StringComparison.Ordinal), "the introduction");
        return demo;
    }

    private static string Edit(string manifest, string what, string by)
    {
        Assert.Contains(what, manifest, StringComparison.Ordinal);
        return manifest.Replace(what, by, StringComparison.Ordinal);
    }

    private static int RequestLines(SvcproxyProcess demo) => demo.Output.Count(line => Regex.IsMatch(line, @" 127\.0\.0\.1:\d+ → web-\d .* GET /$"));

    private Task<string> AskAsync() => AskAsync(Url);

    // A connection of its own each time: a connection is what is balanced.
    private async Task<string> AskAsync(string url)
    {
        using var client = _network.NewHttpClient();
        return (await client.GetStringAsync(url)).Split(' ')[0];
    }

    /// <summary>Asks one time after another until it is disposed of, which throws where a request failed.</summary>
    private sealed class Asking : IAsyncDisposable
    {
        private readonly CancellationTokenSource _stop = new();
        private readonly List<string> _names = [];
        private Task _task = Task.CompletedTask;

        public static Asking Start(Func<Task<string>> ask)
        {
            var asking = new Asking();
            asking._task = Task.Run(async () =>
            {
                while (!asking._stop.IsCancellationRequested)
                {
                    var name = await ask();
                    lock (asking._names)
                    {
                        asking._names.Add(name);
                    }

                    // A person's pace, so that each request has its line.
                    await Task.Delay(5);
                }
            });
            return asking;
        }

        /// <summary>The names in the answers to that many requests, all of them sent after this was called.</summary>
        public async Task<List<string>> NextAsync(int count)
        {
            // The first may have been under way.
            var first = Count + 1;
            while (Count < first + count && !_task.IsCompleted)
            {
                await Task.Delay(5);
            }

            await ThrowIfFailedAsync();
            lock (_names)
            {
                return _names.GetRange(first, count);
            }
        }

        public async ValueTask DisposeAsync()
        {
            await _stop.CancelAsync();
            await _task;
            _stop.Dispose();
        }

        private int Count
        {
            get
            {
                lock (_names)
                {
                    return _names.Count;
                }
            }
        }

        private Task ThrowIfFailedAsync() => _task.IsFaulted ? _task : Task.CompletedTask;
    }
}
