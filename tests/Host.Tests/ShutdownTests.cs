using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.Versioning;
using System.Text;

namespace ProxyFramework.Host.Tests;

/// <summary>SIGTERM ends the process within 5 s, whatever hinders it.</summary>
[SupportedOSPlatform("linux")]
public class ShutdownTests
{
    private const string NoServices = "apiVersion: v1\nkind: List\nitems: []\n";

    [Theory]
    [InlineData("hangs-in-start", 0, "StartAsync did not return within 1.5 s")]
    [InlineData("hangs-in-apply", 0, "ApplyAsync did not return within 1.5 s")]
    [InlineData("hangs-in-dispose", 0, @"did not end within [0-3]\.\d s at shutdown")]
    [InlineData("hangs-everywhere", 1, "the end took longer than 4.5s; leaving at once")]
    public async Task A_backend_that_hangs_is_left_behind(string mode, int exitCode, string reason)
    {
        using var folder = new TempFolder();
        TestPlugin.CopyTo(folder.Path, TestPlugin.Hanging);
        folder.Write("none.yaml", NoServices);
        await using var run = SvcproxyProcess.Start(
            "--mode", mode, "--plugins-dir", folder.Path + "/plugins", "--manifests", folder.Path + "/none.yaml",
            "--healthz-bind-address=127.0.0.1:0", "--metrics-bind-address=127.0.0.1:0", "-v", "4");
        var healthz = await run.PortOfAsync("healthz");

        // A probe that never finishes its request must not hinder it either.
        using var probe = new TcpClient();
        await probe.ConnectAsync(IPAddress.Loopback, healthz);
        await probe.GetStream().WriteAsync("GET /healthz HT"u8.ToArray());
        var sign = mode switch { "hangs-in-dispose" => "in force", "hangs-everywhere" => "applies now", _ => "hangs now" };
        await run.UntilAsync(() => run.ErrorText.Contains(sign, StringComparison.Ordinal), "the hang");

        await AssertEndsAsync(run);

        Assert.Matches(reason, run.ErrorText);
        Assert.Equal(exitCode, run.ExitCode);
    }

    [Fact]
    public async Task Connections_that_never_end_are_cut_when_the_time_that_was_asked_for_them_is_up()
    {
        using var folder = new TempFolder();
        using var server = new TcpListener(IPAddress.Parse("127.77.5.2"), 0);
        server.Start();
        folder.Write("web.yaml", Web(((IPEndPoint)server.LocalEndpoint).Port));
        await using var run = SvcproxyProcess.Start(
            "--mode=userspace", "--manifests", folder.Path, "--healthz-bind-address=", "--metrics-bind-address=",
            "--drain-timeout=10m", "--set", "userspace:shutdown-drain=30s");
        await run.UntilAsync(() => run.ErrorText.Contains("Put all 1 service ports in force", StringComparison.Ordinal), "the service");
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Parse("127.77.5.1"), 8080);
        using var accepted = await server.AcceptTcpClientAsync();
        await client.GetStream().WriteAsync("hello"u8.ToArray());
        Assert.Equal("hello", await ReadAsync(accepted, 5));

        var clock = Stopwatch.StartNew();
        run.Terminate();
        await run.UntilAsync(() => !IsServed("127.77.5.1"), "the end of listening");

        // It drains: the connection that is open goes on, and nobody gets a new one.
        await accepted.GetStream().WriteAsync("still here"u8.ToArray());
        Assert.Equal("still here", await ReadAsync(client, 10));
        using (var late = new TcpClient())
        {
            await Assert.ThrowsAsync<SocketException>(() => late.ConnectAsync(IPAddress.Parse("127.77.5.1"), 8080));
        }

        await run.EndedAsync(10);
        Assert.InRange(clock.Elapsed.TotalSeconds, 2, 5);
        Assert.Matches(@"did not end within [0-3]\.\d s at shutdown", run.ErrorText);
        Assert.Equal(0, run.ExitCode);
    }

    [Fact]
    public async Task A_drain_that_was_given_more_time_ends_with_the_last_connection()
    {
        using var folder = new TempFolder();
        using var server = new TcpListener(IPAddress.Parse("127.77.6.2"), 0);
        server.Start();
        folder.Write("web.yaml", Web(((IPEndPoint)server.LocalEndpoint).Port).Replace("127.77.5.", "127.77.6.", StringComparison.Ordinal));
        await using var run = SvcproxyProcess.Start(
            "--mode=userspace", "--manifests", folder.Path, "--healthz-bind-address=", "--metrics-bind-address=",
            "--set", "userspace:shutdown-drain=5m", "--shutdown-timeout=5m");
        await run.UntilAsync(() => run.ErrorText.Contains("Put all 1 service ports in force", StringComparison.Ordinal), "the service");
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Parse("127.77.6.1"), 8080);
        using var accepted = await server.AcceptTcpClientAsync();

        // The connection carries bytes until well after the time at which the end would be forced unless more was given.
        run.Terminate();
        for (var clock = Stopwatch.StartNew(); clock.Elapsed < TimeSpan.FromSeconds(6);)
        {
            await accepted.GetStream().WriteAsync("still here"u8.ToArray());
            Assert.Equal("still here", await ReadAsync(client, 10));
            await client.GetStream().WriteAsync("and here"u8.ToArray());
            Assert.Equal("and here", await ReadAsync(accepted, 8));
            await Task.Delay(10);
        }

        Assert.False(run.HasExited, "it was given 5 minutes");

        client.Close();
        accepted.Close();
        await run.EndedAsync(10);
        Assert.Equal(0, run.ExitCode);
    }

    private static async Task AssertEndsAsync(SvcproxyProcess run)
    {
        var clock = Stopwatch.StartNew();
        run.Terminate();
        await run.EndedAsync(30);
        Assert.True(clock.Elapsed < TimeSpan.FromSeconds(5), $"it took {clock.Elapsed}\n{run.ErrorText}");
    }

    private static bool IsServed(string address)
    {
        using var client = new TcpClient();
        try
        {
            client.Connect(IPAddress.Parse(address), 8080);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private static async Task<string> ReadAsync(TcpClient from, int length)
    {
        var bytes = new byte[length];
        await from.GetStream().ReadExactlyAsync(bytes);
        return Encoding.ASCII.GetString(bytes);
    }

    private static string Web(int targetPort) => $$$"""
        apiVersion: v1
        kind: Service
        metadata: {name: web, namespace: default}
        spec: {clusterIP: 127.77.5.1, ports: [{port: 8080}]}
        ---
        apiVersion: discovery.k8s.io/v1
        kind: EndpointSlice
        metadata: {name: web-1, namespace: default, labels: {kubernetes.io/service-name: web}}
        addressType: IPv4
        ports: [{port: {{{targetPort}}}}]
        endpoints: [{addresses: [127.77.5.2]}]
        """;
}
