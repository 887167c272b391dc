using System.Net;
using System.Net.Sockets;
using ProxyFramework.Benchmarks.Scale;
using ProxyFramework.Testing;

namespace ProxyFramework.Host.Tests;

/// <summary>Thousands of services in manifests, in every form that they come in. How fast, the benchmark <c>start</c> says.</summary>
[Collection(nameof(FreshClone))]
public sealed class ManifestScaleTests(FreshClone clone) : IDisposable
{
    private const int Services = 2000;
    private const string Nowhere = "--healthz-bind-address=";
    private const string NoMetrics = "--metrics-bind-address=";

    private readonly NetworkNamespace _network = NetworkNamespace.Create();
    private readonly TempFolder _folder = new();

    [Theory]
    [InlineData("list", "yaml", false)]
    [InlineData("documents", "yaml", false)]
    [InlineData("files", "json", false)]
    [InlineData("list", "json", true)]
    [InlineData("files", "yaml", true)]
    public async Task Thousands_of_services_in_manifests_all_answer(string layout, string format, bool isPrivileged)
    {
        var cluster = isPrivileged ? Cluster("10.96.0.1", 80) : Cluster("127.96.0.1", 8080);
        cluster.Write(_folder.Path, Services, layout, format);
        _folder.OpenToAll();
        using var servers = new Greeters(_network, cluster.Servers);

        await using var run = Start(isPrivileged, isPrivileged ? Path.Combine(SvcproxyProcess.Layout, "svcproxy") : clone.Program);
        await InForceAsync(run);

        for (var index = 0; index < Services; index++)
        {
            Assert.True(await _network.HearAsync(cluster.Frontend(index)) is not null, $"service {index} does not answer\n{run.ErrorText}");
        }

        // Each endpoint of a service that has all five takes its turn.
        var heard = new HashSet<string?>();
        for (var i = 0; i < ClusterManifests.MaxEndpoints; i++)
        {
            heard.Add(await _network.HearAsync(cluster.Frontend(ClusterManifests.MaxEndpoints - 1)));
        }

        Assert.Equal(cluster.Servers.Select(server => server.ToString()).Order(), heard.Order());
        Assert.InRange(run.Errors.Count(), 0, 12);
        run.Terminate();
        await run.EndedAsync(5);
        Assert.Equal(0, run.ExitCode);
    }

    [Fact]
    public async Task Where_the_limit_of_open_files_is_too_low_the_log_says_how_to_raise_it_what_fits_is_served_and_connections_do_not_exhaust_it()
    {
        const int limit = 1000;
        var cluster = Cluster("127.96.0.1", 8080);
        cluster.Write(_folder.Path, Services, "list", "json");
        _folder.OpenToAll();
        using var servers = new Greeters(_network, cluster.Servers);

        await using var run = Start(isPrivileged: false, "prlimit", $"--nofile={limit}:{limit}", clone.Program);
        await run.UntilAsync(() => run.ErrorText.Contains("ulimit -n", StringComparison.Ordinal), "what to do");
        Assert.Contains("LimitNOFILE", run.ErrorText, StringComparison.Ordinal);
        Assert.Contains($"{limit} file descriptors", run.ErrorText, StringComparison.Ordinal);
        await run.UntilAsync(() => run.ErrorText.Contains("more service ports are not in force", StringComparison.Ordinal), "a summary of the rest");
        var served = await CountAnswersAsync(cluster);
        Assert.InRange(served, limit / 2, limit);

        // More connections than there are descriptors, held open: some are turned away, and the program lives.
        var held = new List<Socket>();
        try
        {
            for (var i = 0; i < limit / 2; i++)
            {
                var socket = _network.NewSocket();
                held.Add(socket);
                try
                {
                    await socket.ConnectAsync(cluster.Frontend(i));
                }
                catch (SocketException error) when (error.SocketErrorCode == SocketError.ConnectionReset)
                {
                    // Turned away at once.
                }
            }

            await run.UntilAsync(() => run.ErrorText.Contains("out of file descriptors", StringComparison.Ordinal), "that they are turned away");
        }
        finally
        {
            held.ForEach(socket => socket.Dispose());
        }

        await run.UntilAsync(() => CountAnswersAsync(cluster).GetAwaiter().GetResult() == served, "that all answer again");
        Assert.InRange(run.Errors.Count(), 0, 40);
        run.Terminate();
        await run.EndedAsync(5);
        Assert.Equal(0, run.ExitCode);
    }

    private async Task<int> CountAnswersAsync(ClusterManifests cluster)
    {
        var answers = 0;
        for (var index = 0; index < Services; index++)
        {
            answers += await _network.HearAsync(cluster.Frontend(index)) is null ? 0 : 1;
        }

        return answers;
    }

    public void Dispose()
    {
        _network.Dispose();
        _folder.Dispose();
    }

    private SvcproxyProcess Start(bool isPrivileged, params string[] command) => SvcproxyProcess.StartIn(
        _network, isPrivileged, command[0], [.. command[1..], "run", "--mode=userspace", "--manifests", _folder.Path, Nowhere, NoMetrics]);

    private static Task InForceAsync(SvcproxyProcess run) =>
        run.UntilAsync(() => run.ErrorText.Contains($"all {Services} service ports in force", StringComparison.Ordinal), "that all are in force", 120);

    private static ClusterManifests Cluster(string first, int port) => new(IPAddress.Parse(first), port, IPAddress.Parse("127.0.0.21"), 9377);
}
