using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using ProxyFramework.Core.Health;
using ProxyFramework.Core.Tests.Proxy;
using ProxyFramework.Core.Tests.Sync;
using ProxyFramework.Core.Tests.View;
using ProxyFramework.Core.View;
using Xunit;

namespace ProxyFramework.Core.Tests.Health;

/// <summary>The healthCheckNodePort of Services with a Local policy, asked over HTTP as a load balancer asks.</summary>
public sealed class HealthCheckNodePortTests : IAsyncDisposable
{
    private readonly FakeTimeProvider _time = new();
    private readonly ProxyState _state = new() { Sync = new SyncStatus { HasSynced = true } };
    private readonly CapturedLog _log = new();
    private readonly LoggerFactory _loggers;
    private readonly HttpClient _client = new() { Timeout = TimeSpan.FromSeconds(5) };
    private readonly CancellationTokenSource _ending = new();
    private readonly HealthCheckNodePortServers _servers;
    private readonly Task _running;
    private readonly Dictionary<NamespacedName, ServiceHealth> _posted = [];

    public HealthCheckNodePortTests()
    {
        _loggers = new LoggerFactory([_log]);
        var health = new ProxyHealth(_state, Options.Create(new ServiceProxyOptions()), _time);
        _servers = new HealthCheckNodePortServers(health, _time, _loggers);
        _running = _servers.RunAsync(_ending.Token);
    }

    public async ValueTask DisposeAsync()
    {
        await _ending.CancelAsync();
        await _running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _client.Dispose();
        _loggers.Dispose();
        _ending.Dispose();
    }

    [Theory]
    [InlineData(2, true, HttpStatusCode.OK)]
    [InlineData(0, true, HttpStatusCode.ServiceUnavailable)]
    [InlineData(2, false, HttpStatusCode.ServiceUnavailable)]
    public async Task The_answer_is_that_of_kube_proxy(int localEndpoints, bool isProxyHealthy, HttpStatusCode status)
    {
        var port = FreePort();
        _state.Sync = new SyncStatus { HasSynced = isProxyHealthy };
        Post("127.0.0.1");
        Post("web", port, localEndpoints);
        await UntilAnswers("127.0.0.1", port);

        using var answer = await _client.GetAsync(Url("127.0.0.1", port));

        Assert.Equal(status, answer.StatusCode);
        Assert.Equal("application/json", answer.Content.Headers.ContentType?.MediaType);
        Assert.Equal(localEndpoints.ToString(CultureInfo.InvariantCulture), Assert.Single(answer.Headers.GetValues("X-Load-Balancing-Endpoint-Weight")));
        Assert.Equal("nosniff", Assert.Single(answer.Headers.GetValues("X-Content-Type-Options")));
        Assert.Equal(
            $$$"""{"service":{"namespace":"default","name":"web"},"localEndpoints":{{{localEndpoints}}},"serviceProxyHealthy":{{{(isProxyHealthy ? "true" : "false")}}}}""",
            await answer.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task A_node_that_goes_away_still_answers_for_its_services()
    {
        // As in kube-proxy: the node part is in /healthz, and load balancers that ask for a service must not drop it while it drains.
        var port = FreePort();
        _state.IsNodeEligible = false;
        Post("127.0.0.1");
        Post("web", port, 1);
        await UntilAnswers("127.0.0.1", port);
        using var answer = await _client.GetAsync(Url("127.0.0.1", port));
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    [Fact]
    public async Task A_change_of_endpoints_is_answered_on_connections_that_are_open()
    {
        var port = FreePort();
        Post("127.0.0.1");
        Post("web", port, 1);
        await UntilAnswers("127.0.0.1", port);
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, port);
        Assert.Equal("HTTP/1.1 200 OK", await AskAsync(client));

        Post("web", port, 0);

        await LoopRun.Until(() => AskAsync(client).GetAwaiter().GetResult() == "HTTP/1.1 503 Service Unavailable", "503 on the open connection");
    }

    [Fact]
    public async Task It_listens_on_the_node_addresses_alone_and_follows_them()
    {
        var port = FreePort();
        Post("127.0.0.1 127.0.0.2");
        Post("web", port, 1);
        await UntilAnswers("127.0.0.1", port);
        await UntilAnswers("127.0.0.2", port);
        Assert.False(Answers("127.0.0.3", port));

        Post("127.0.0.2 127.0.0.3");

        await UntilAnswers("127.0.0.3", port);
        await UntilAnswers("127.0.0.2", port);
        Assert.False(Answers("127.0.0.1", port));
    }

    [Fact]
    public async Task A_service_that_goes_frees_its_port_for_another_in_the_same_change()
    {
        var port = FreePort();
        Post("127.0.0.1");
        Post("web", port, 1);
        await UntilAnswers("127.0.0.1", port);

        _servers.Post(new NodeViewChanges
        {
            HealthCheckNodePorts =
            [
                new ServiceHealthChange(null, new ServiceHealth(Scene.Name("api"), port, 3)),
                new ServiceHealthChange(new ServiceHealth(Scene.Name("web"), port, 1), null),
            ],
        });

        await LoopRun.Until(() => Body("127.0.0.1", port)?.Contains("\"api\"", StringComparison.Ordinal) == true, "the other service's answer");
        Assert.DoesNotContain(_log.Texts, text => text.StartsWith("Warning", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_service_whose_port_changes_is_served_at_the_new_one_alone()
    {
        var (first, second) = (FreePort(), FreePort());
        Post("127.0.0.1");
        Post("web", first, 1);
        await UntilAnswers("127.0.0.1", first);
        Post("web", second, 1);
        await UntilAnswers("127.0.0.1", second);
        Assert.False(Answers("127.0.0.1", first));
        Remove("web");
        await LoopRun.Until(() => !Answers("127.0.0.1", second), "that it listens no more");
    }

    [Fact]
    public async Task A_port_that_is_taken_holds_up_nothing_is_said_once_and_had_when_it_is_free()
    {
        using var holder = new TcpListener(IPAddress.Loopback, 0);
        holder.Start();
        var (taken, free) = ((ushort)((IPEndPoint)holder.LocalEndpoint).Port, FreePort());
        Post("127.0.0.1 127.0.0.2");
        Post("web", taken, 1);
        Post("api", free, 1);
        await UntilAnswers("127.0.0.1", free);
        await UntilAnswers("127.0.0.2", taken);
        for (var i = 0; i < 3; i++)
        {
            _time.Advance(TimeSpan.FromSeconds(15));
            await LoopRun.Settle();
        }

        var said = Assert.Single(_log.Texts, text => text.StartsWith("Warning", StringComparison.Ordinal));
        Assert.Contains($"Service default/web: its healthCheckNodePort cannot be served at 127.0.0.1:{taken}: ", said, StringComparison.Ordinal);

        holder.Stop();
        await LoopRun.Until(
            () =>
            {
                _time.Advance(TimeSpan.FromSeconds(15));
                return Answers("127.0.0.1", taken);
            },
            "that the port is served once it is free");
        await LoopRun.Until(() => _log.Texts.Any(text => text.Contains("is served at all addresses", StringComparison.Ordinal)), "the word of it");
    }

    [Fact]
    public async Task The_end_does_not_wait_for_clients_that_hold_their_connections()
    {
        var port = FreePort();
        Post("127.0.0.1");
        Post("web", port, 1);
        await UntilAnswers("127.0.0.1", port);
        using var idle = new TcpClient();
        await idle.ConnectAsync(IPAddress.Loopback, port);
        Assert.Equal("HTTP/1.1 200 OK", await AskAsync(idle));
        using var half = new TcpClient();
        await half.ConnectAsync(IPAddress.Loopback, port);
        await half.GetStream().WriteAsync("GET / HT"u8.ToArray());

        await _ending.CancelAsync();
        await Task.WhenAny(_running, Task.Delay(TimeSpan.FromSeconds(3)));

        Assert.True(_running.IsCompleted);
        Assert.False(Answers("127.0.0.1", port));
    }

    private static ushort FreePort()
    {
        // On all of 127.0.0.0/8, since the tests use several of its addresses.
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Any, 0));
        return (ushort)((IPEndPoint)socket.LocalEndPoint!).Port;
    }

    private static Uri Url(string address, ushort port) => new(string.Create(CultureInfo.InvariantCulture, $"http://{address}:{port}/any/path"));

    private static async Task<string> AskAsync(TcpClient client)
    {
        var stream = client.GetStream();
        await stream.WriteAsync("GET / HTTP/1.1\r\nHost: node\r\n\r\n"u8.ToArray());
        var answer = new byte[4096];
        var length = 0;
        while (!answer.AsSpan(0, length).EndsWith("0\r\n\r\n"u8))
        {
            var read = await stream.ReadAsync(answer.AsMemory(length));
            Assert.NotEqual(0, read);
            length += read;
        }

        return System.Text.Encoding.ASCII.GetString(answer, 0, length).Split("\r\n")[0];
    }

    private void Post(string nodeAddresses) =>
        _servers.Post(new NodeViewChanges { Node = new NodeState { Name = "here", NodePortAddresses = Scene.Addresses(nodeAddresses) } });

    private void Post(string service, ushort port, int localEndpoints) => Post(new ServiceHealth(Scene.Name(service), port, localEndpoints));

    private void Post(ServiceHealth after)
    {
        var before = _posted.GetValueOrDefault(after.Service);
        _posted[after.Service] = after;
        _servers.Post(new NodeViewChanges { HealthCheckNodePorts = [new ServiceHealthChange(before, after)] });
    }

    private void Remove(string service)
    {
        _posted.Remove(Scene.Name(service), out var before);
        _servers.Post(new NodeViewChanges { HealthCheckNodePorts = [new ServiceHealthChange(before, null)] });
    }

    private Task UntilAnswers(string address, ushort port) => LoopRun.Until(() => Answers(address, port), $"an answer at {address}:{port}");

    private bool Answers(string address, ushort port) => Body(address, port) is not null;

    private string? Body(string address, ushort port)
    {
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, Url(address, port)) { Headers = { ConnectionClose = true } };
            using var answer = _client.Send(request);
            using var reader = new StreamReader(answer.Content.ReadAsStream());
            return reader.ReadToEnd();
        }
        catch (HttpRequestException)
        {
            return null;
        }
    }
}
