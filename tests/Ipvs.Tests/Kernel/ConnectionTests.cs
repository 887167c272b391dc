using System.Net;
using System.Net.Sockets;
using Xunit;
using static ProxyFramework.Ipvs.Tests.Services;

namespace ProxyFramework.Ipvs.Tests.Kernel;

/// <summary>What happens to connections when endpoints and services come and go; the traps that IPVS modes are known for.</summary>
[Trait("Kernel", "ipvs")]
public sealed class ConnectionTests : IAsyncLifetime
{
    private const string Vip = "10.96.0.1";

    private readonly Node _node = new();
    private readonly Pods _pods;

    public ConnectionTests() => _pods = new Pods(_node.Pods, "10.0.0.1", "10.0.0.2", "10.0.0.3");

    public async ValueTask InitializeAsync() => await _node.StartAsync();

    public async ValueTask DisposeAsync()
    {
        _pods.Dispose();
        await _node.DisposeAsync();
    }

    [Fact]
    public async Task A_source_port_that_is_used_again_does_not_reach_a_server_that_drains()
    {
        _node.ApplyAll(Web("10.0.0.1"));
        using (var first = await Pods.ConnectAsync(_node.Client, Vip, 80, sourcePort: 45000))
        {
            Assert.Equal("10.0.0.1", await Pods.AskAsync(first));
            first.LingerState = new LingerOption(false, 0);
            first.Shutdown(SocketShutdown.Both);
        }

        using var other = await Pods.ConnectAsync(_node.Client, Vip, 80);
        _node.Apply(Web("10.0.0.2"));

        // The node remembers the closed connection from this port; the client itself must not, or it could not use it again so soon.
        _node.Client.Run(() => File.WriteAllText("/proc/sys/net/ipv4/tcp_tw_reuse", "1"));
        Assert.Equal("10.0.0.2", await Pods.AskAsync(_node.Client, Vip, 80, sourcePort: 45000));
        Assert.Equal("10.0.0.1", await Pods.AskAsync(other));
    }

    [Fact]
    public async Task Changing_the_scheduler_and_weights_in_place_cuts_no_connection()
    {
        _node.ApplyAll(Web("10.0.0.1"));
        using var connection = await Pods.ConnectAsync(_node.Client, Vip, 80);
        foreach (var scheduler in new[] { "wrr", "lc", "mh", "sh-port", "sed", "nq", "lblcr", "dh", "fo", "ovf", "rr" })
        {
            _node.Apply(Service("web", Group("10.0.0.1", "10.0.0.2"), Group("10.0.0.1", "10.0.0.2"), 0, scheduler, TransportProtocol.Tcp, [], ClusterIP(Vip)));
            Assert.Equal("10.0.0.1", await Pods.AskAsync(connection));
            Assert.Contains(_node.Servers(), line => line.StartsWith($"-A -t {Vip}:80 -s {scheduler.Split('-')[0]}", StringComparison.Ordinal));
        }
    }

    [Fact]
    public async Task Persistence_leaves_a_removed_server_at_once_and_does_not_keep_it_from_being_deleted()
    {
        _node.ApplyAll(Affine("10.0.0.1"));
        Assert.Equal("10.0.0.1", await Pods.AskAsync(_node.Client, Vip, 80));
        _node.Apply(Affine("10.0.0.2", "10.0.0.3"));
        var moved = await Pods.AskAsync(_node.Client, Vip, 80);
        Assert.NotEqual("10.0.0.1", moved);
        Assert.Equal(moved, await Pods.AskAsync(_node.Client, Vip, 80));
        await EventuallyAsync(() => !_node.Servers().Any(line => line.Contains("10.0.0.1", StringComparison.Ordinal)), "the removed server is deleted");
    }

    [Fact]
    public async Task A_server_without_connections_is_deleted_and_one_with_a_connection_when_that_ends()
    {
        _node.ApplyAll(Web("10.0.0.1", "10.0.0.2"));
        using var connection = await ConnectToAsync("10.0.0.1");
        _node.Apply(Web("10.0.0.3"));
        await EventuallyAsync(() => !_node.Servers().Any(line => line.Contains("10.0.0.2", StringComparison.Ordinal)), "the idle server is deleted");
        Assert.Contains($"-a -t {Vip}:80 -r 10.0.0.1:8080 -m -w 0", _node.Servers());
        Assert.Equal("10.0.0.1", await Pods.AskAsync(connection));

        connection.Dispose();
        await EventuallyAsync(() => !_node.Servers().Any(line => line.Contains("10.0.0.1", StringComparison.Ordinal)), "the drained server is deleted");
    }

    [Fact]
    public async Task A_server_that_comes_back_while_it_drains_serves_again_and_stays()
    {
        _node.ApplyAll(Web("10.0.0.1"));
        using var connection = await Pods.ConnectAsync(_node.Client, Vip, 80);
        _node.Apply(Web("10.0.0.2"));
        Assert.Equal("10.0.0.2", await Pods.AskAsync(_node.Client, Vip, 80));
        _node.Apply(Web("10.0.0.1"));
        Assert.Equal("10.0.0.1", await Pods.AskAsync(_node.Client, Vip, 80));
        Assert.Equal("10.0.0.1", await Pods.AskAsync(connection));
        connection.Dispose();
        await EventuallyAsync(() => _node.Servers().Length == 2, "the other one, drained meanwhile, is deleted");
        Assert.Contains($"-a -t {Vip}:80 -r 10.0.0.1:8080 -m -w 1", _node.Servers());
    }

    [Fact]
    public async Task A_removed_service_keeps_its_connections_takes_no_new_ones_and_goes_with_the_last()
    {
        var web = Web("10.0.0.1");
        _node.ApplyAll(web);
        using var connection = await Pods.ConnectAsync(_node.Client, Vip, 80);
        _node.Remove(web.Key);
        Assert.Equal("10.0.0.1", await Pods.AskAsync(connection));
        await Assert.ThrowsAsync<SocketException>(() => Pods.AskAsync(_node.Client, Vip, 80));
        connection.Dispose();
        await EventuallyAsync(() => _node.Servers().Length == 0, "the virtual server is deleted");
        await EventuallyAsync(() => _node.Namespace.Exec("ip", "route", "show", "table", "local", "proto", "79").Length == 0, "its address goes with it");
    }

    [Fact]
    public async Task A_removed_service_that_comes_back_while_it_drains_serves_again_and_stays()
    {
        var web = Web("10.0.0.1");
        _node.ApplyAll(web);
        using var connection = await Pods.ConnectAsync(_node.Client, Vip, 80);
        _node.Remove(web.Key);
        _node.Apply(Web("10.0.0.1", "10.0.0.2"));
        Assert.Equal("10.0.0.1", await Pods.AskAsync(connection));
        connection.Dispose();
        Assert.NotEqual(await Pods.AskAsync(_node.Client, Vip, 80), await Pods.AskAsync(_node.Client, Vip, 80));
        _node.Resync();
        Assert.Equal(3, _node.Servers().Length);
    }

    [Fact]
    public async Task Connections_are_given_no_longer_than_the_drain_limit()
    {
        _node.DrainTimeout = TimeSpan.FromSeconds(1);
        await _node.StartAsync();
        _node.ApplyAll(Web("10.0.0.1"));
        using var connection = await Pods.ConnectAsync(_node.Client, Vip, 80);
        _node.Apply(Web("10.0.0.2"));
        await EventuallyAsync(() => !_node.Servers().Any(line => line.Contains("10.0.0.1", StringComparison.Ordinal)), "the server is deleted though it has a connection");
    }

    [Fact]
    public async Task After_a_restart_in_the_midst_of_draining_weights_are_those_that_are_wanted_now()
    {
        _node.ApplyAll(Web("10.0.0.1"));
        using var connection = await Pods.ConnectAsync(_node.Client, Vip, 80);
        _node.Apply(Web("10.0.0.2"));
        await _node.StartAsync();
        _node.ApplyAll(Web("10.0.0.1"));
        Assert.Equal("10.0.0.1", await Pods.AskAsync(_node.Client, Vip, 80));
        Assert.Equal("10.0.0.1", await Pods.AskAsync(connection));

        // And what is still to drain goes on draining.
        await EventuallyAsync(() => !_node.Servers().Any(line => line.Contains("10.0.0.2", StringComparison.Ordinal)), "the server that nobody wants is deleted");
    }

    [Fact]
    public async Task A_udp_client_that_keeps_its_port_leaves_a_dead_server_with_the_change()
    {
        _node.ApplyAll(Udp("10.0.0.1"));
        using var socket = _node.Client.Run(() => new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp));
        socket.Connect(new IPEndPoint(IPAddress.Parse(Vip), 80));
        Assert.Equal("10.0.0.1", await Pods.AskAsync(socket));
        _node.Apply(Udp("10.0.0.2"));
        Assert.Equal("10.0.0.2", await Pods.AskAsync(socket));
        await _node.StopAsync();
        await _node.StartAsync();
        _node.ApplyAll(Udp("10.0.0.3"));
        Assert.Equal("10.0.0.3", await Pods.AskAsync(socket));
    }

    [Fact]
    public async Task Rolling_replacement_of_all_endpoints_under_steady_load_fails_no_request()
    {
        _node.ApplyAll(Web("10.0.0.1"));
        using var old = await Pods.ConnectAsync(_node.Client, Vip, 80);
        using var stop = new CancellationTokenSource();
        var requests = 0;
        var load = Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                Assert.StartsWith("10.0.0.", await Pods.AskAsync(_node.Client, Vip, 80), StringComparison.Ordinal);
                Interlocked.Increment(ref requests);
            }
        });
        string[][] steps = [["10.0.0.1", "10.0.0.2"], ["10.0.0.2"], ["10.0.0.2", "10.0.0.3"], ["10.0.0.3"]];
        foreach (var endpoints in steps.Concat(steps).Concat(steps))
        {
            _node.Apply(Web(endpoints));
            var sofar = Volatile.Read(ref requests);
            await EventuallyAsync(() => load.IsCompleted || Volatile.Read(ref requests) >= sofar + 3, "requests after a step");
        }

        await stop.CancelAsync();
        await load;
        Assert.InRange(requests, 10, int.MaxValue);
        Assert.Equal("10.0.0.1", await Pods.AskAsync(old));
    }

    private static ServicePort Web(params string[] endpoints) => Service("web", Group(endpoints), ClusterIP(Vip));

    private static ServicePort Affine(params string[] endpoints) =>
        Service("web", Group(endpoints), Group(endpoints), 10800, null, TransportProtocol.Tcp, [], ClusterIP(Vip));

    private static ServicePort Udp(params string[] endpoints) =>
        Service("dns", Group(endpoints), Group(endpoints), 0, null, TransportProtocol.Udp, [], ClusterIP(Vip));

    private async Task<Socket> ConnectToAsync(string endpoint)
    {
        while (true)
        {
            var connection = await Pods.ConnectAsync(_node.Client, Vip, 80);
            if (await Pods.AskAsync(connection) == endpoint)
            {
                return connection;
            }

            connection.Dispose();
        }
    }

    private static async Task EventuallyAsync(Func<bool> condition, string what)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        while (!condition())
        {
            Assert.False(limit.IsCancellationRequested, $"not within the limit: {what}");
            await Task.Delay(100, TestContext.Current.CancellationToken);
        }
    }
}
