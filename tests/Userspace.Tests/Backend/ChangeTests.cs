using System.Net.Sockets;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace ProxyFramework.Userspace.Tests.Backend;

public sealed class ChangeTests
{
    [Fact]
    public async Task An_endpoint_that_leaves_keeps_its_connections_and_gets_no_new_ones()
    {
        await using var test = await BackendUnderTest.StartAsync();
        using var servers = new Servers(2);
        var frontend = Services.FreeFrontend();
        var service = Services.Make(frontend, servers.EndPoints);
        await test.ApplyAsync(service);
        using var held = await TcpClient.ConnectAsync(frontend);
        Assert.Equal("a", await held.ReadLineAsync());
        await test.ApplyAsync(service.With(cluster: Services.Group([servers[1].EndPoint])));
        Assert.All(await TcpClient.AskAsync(frontend, 6), name => Assert.Equal("b", name));
        Assert.Equal("still here", await held.EchoAsync("still here"));
    }

    [Fact]
    public async Task Connections_to_endpoints_that_are_gone_end_at_the_drain_timeout_and_others_do_not()
    {
        var time = new FakeTimeProvider();
        await using var test = await BackendUnderTest.StartAsync(time, drainTimeout: TimeSpan.FromSeconds(30));
        using var servers = new Servers(2);
        var frontend = Services.FreeFrontend();
        var service = Services.Make(frontend, servers.EndPoints);
        await test.ApplyAsync(service);
        using var first = await TcpClient.ConnectAsync(frontend);
        using var second = await TcpClient.ConnectAsync(frontend);
        Assert.Equal("a", await first.ReadLineAsync());
        Assert.Equal("b", await second.ReadLineAsync());
        await test.ApplyAsync(service.With(cluster: Services.Group([servers[1].EndPoint])));
        time.Advance(TimeSpan.FromSeconds(29));
        Assert.Equal("x", await first.EchoAsync("x"));
        time.Advance(TimeSpan.FromSeconds(2));
        await Assert.ThrowsAsync<SocketException>(first.ReadToEndAsync);
        Assert.Equal("x", await second.EchoAsync("x"));
    }

    [Fact]
    public async Task An_endpoint_that_comes_back_before_the_drain_timeout_keeps_its_connections()
    {
        var time = new FakeTimeProvider();
        await using var test = await BackendUnderTest.StartAsync(time, drainTimeout: TimeSpan.FromSeconds(30));
        using var servers = new Servers(2);
        var frontend = Services.FreeFrontend();
        var service = Services.Make(frontend, servers.EndPoints);
        await test.ApplyAsync(service);
        using var held = await TcpClient.ConnectAsync(frontend);
        Assert.Equal("a", await held.ReadLineAsync());
        await test.ApplyAsync(service.With(cluster: Services.Group([servers[1].EndPoint])));
        time.Advance(TimeSpan.FromSeconds(20));
        await test.ApplyAsync(service);
        time.Advance(TimeSpan.FromSeconds(60));
        Assert.Equal("x", await held.EchoAsync("x"));
    }

    [Fact]
    public async Task A_changed_scheduler_cuts_no_connection()
    {
        await using var test = await BackendUnderTest.StartAsync();
        using var servers = new Servers(2);
        var frontend = Services.FreeFrontend();
        var service = Services.Make(frontend, servers.EndPoints);
        await test.ApplyAsync(service);
        using var held = await TcpClient.ConnectAsync(frontend);
        await held.ReadLineAsync();
        foreach (var scheduler in (string[])["lc", "random", "wrr"])
        {
            await test.ApplyAsync(service.With(scheduler: scheduler));
            await TcpClient.AskAsync(frontend);
            Assert.Equal(scheduler, await held.EchoAsync(scheduler));
        }
    }

    [Fact]
    public async Task A_service_that_is_removed_refuses_new_connections_and_keeps_established_ones()
    {
        await using var test = await BackendUnderTest.StartAsync();
        using var server = new TcpServer("a");
        var frontend = Services.FreeFrontend();
        var service = Services.Make(frontend, [server.EndPoint]);
        await test.ApplyAsync(service);
        using var held = await TcpClient.ConnectAsync(frontend);
        await held.ReadLineAsync();
        await test.RemoveAsync(service);
        await AssertRefusedAsync(frontend);
        Assert.Equal("x", await held.EchoAsync("x"));
        Assert.Equal(0, test.Backend.ListenerCount);

        // The address and port can be used again although a connection of before is open.
        await test.ApplyAsync(service);
        Assert.Equal("a", await TcpClient.AskAsync(frontend));
    }

    [Fact]
    public async Task A_service_without_endpoints_refuses_and_works_as_soon_as_it_has_one()
    {
        await using var test = await BackendUnderTest.StartAsync();
        using var server = new TcpServer("a");
        var frontend = Services.FreeFrontend();
        var service = Services.Make(frontend, []);
        await test.ApplyAsync(service);
        await AssertRefusedAsync(frontend);
        await test.ApplyAsync(service.With(cluster: Services.Group([server.EndPoint])));
        Assert.Equal("a", await TcpClient.AskAsync(frontend));
        await test.ApplyAsync(service);
        await AssertRefusedAsync(frontend);
    }

    [Fact]
    public async Task A_drop_answers_nothing_and_the_client_gets_through_when_an_endpoint_comes()
    {
        await using var test = await BackendUnderTest.StartAsync();
        using var server = new TcpServer("a");
        var frontend = Services.FreeFrontend();
        var service = Services.Make(frontend, []).With(cluster: EndpointGroup.Drop);
        await test.ApplyAsync(service);
        var asking = TcpClient.AskAsync(frontend);
        await Wait.UntilAsync(() => HasSynSent(frontend), "the client has sent its SYN");
        await test.ApplyAsync(service.With(cluster: Services.Group([server.EndPoint])));

        // Its SYN was neither answered nor refused: it is sent again, and gets through.
        Assert.Equal("a", await asking);
    }

    [Fact]
    public async Task A_service_goes_from_forward_to_drop_and_back_without_cutting_anything()
    {
        await using var test = await BackendUnderTest.StartAsync();
        using var server = new TcpServer("a");
        var frontend = Services.FreeFrontend();
        var service = Services.Make(frontend, [server.EndPoint]);
        await test.ApplyAsync(service);
        using var held = await TcpClient.ConnectAsync(frontend);
        await held.ReadLineAsync();
        await test.ApplyAsync(service.With(cluster: EndpointGroup.Drop));
        Assert.Equal("x", await held.EchoAsync("x"));
        await test.ApplyAsync(service);
        Assert.Equal("a", await TcpClient.AskAsync(frontend));
        Assert.Equal("y", await held.EchoAsync("y"));
    }

    [Fact]
    public async Task A_changed_port_moves_the_socket()
    {
        await using var test = await BackendUnderTest.StartAsync();
        using var server = new TcpServer("a");
        var (before, after) = (Services.FreeFrontend(), Services.FreeFrontend());
        await test.ApplyAsync(Services.Make(before, [server.EndPoint]));
        await test.ApplyAsync(Services.Make(after, [server.EndPoint]));
        Assert.Equal("a", await TcpClient.AskAsync(after));
        await AssertRefusedAsync(before);
        Assert.Equal(1, test.Backend.ListenerCount);
    }

    [Fact]
    public async Task A_frontend_that_moves_to_another_service_is_never_closed()
    {
        await using var test = await BackendUnderTest.StartAsync();
        using var servers = new Servers(2);
        var frontend = Services.FreeFrontend();
        var first = Services.Make(frontend, [servers[0].EndPoint], "first");
        var second = Services.Make(frontend, [servers[1].EndPoint], "second");
        await test.ApplyAsync(first);
        Assert.Equal("a", await TcpClient.AskAsync(frontend));
        using var stop = new CancellationTokenSource();
        var asked = 0;
        var asking = Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                await TcpClient.AskAsync(frontend);
                Interlocked.Increment(ref asked);
            }
        })));
        for (var round = 0; round < 100; round++)
        {
            var (from, to) = round % 2 == 0 ? (first, second) : (second, first);
            var goal = asked + 3;
            await test.Change(new ServicePortChange(from, null), new ServicePortChange(null, to));
            await Wait.UntilAsync(() => asked >= goal || asking.IsCompleted, "requests go on");
        }

        await stop.CancelAsync();
        await asking;
        Assert.Equal(1, test.Backend.ListenerCount);
    }

    [Fact]
    public async Task Node_ports_follow_the_addresses_of_the_node()
    {
        await using var test = await BackendUnderTest.StartAsync();
        using var server = new TcpServer("a");
        var (first, second) = (Services.FreeFrontend(), Services.FreeFrontend());
        var port = first.Port;
        second = (second.Address, port);
        var service = Services.Make([Services.At((InetAddress.IPv4Any, port), FrontendKind.NodePort)], [server.EndPoint]);
        test.Node = new NodeState { NodePortAddresses = [first.Address, InetAddress.Parse("::1")] };
        await test.ApplyAsync(service);
        Assert.Equal("a", await TcpClient.AskAsync(first));
        await AssertRefusedAsync(second);
        test.Node = new NodeState { NodePortAddresses = [second.Address] };
        await test.ApplyAsync();
        Assert.Equal("a", await TcpClient.AskAsync(second));
        await AssertRefusedAsync(first);
        await test.RemoveAsync(service);
        Assert.Equal(0, test.Backend.ListenerCount);
    }

    [Fact]
    public async Task A_full_change_set_removes_what_it_does_not_name_and_leaves_the_rest_alone()
    {
        await using var test = await BackendUnderTest.StartAsync();
        using var server = new TcpServer("a");
        var (kept, gone) = (Services.FreeFrontend(), Services.FreeFrontend());
        var service = Services.Make(kept, [server.EndPoint], "kept");
        await test.ApplyAsync(service, Services.Make(gone, [server.EndPoint], "gone"));
        using var held = await TcpClient.ConnectAsync(kept);
        await held.ReadLineAsync();
        Assert.Empty((await test.ApplyFullAsync(service)).Failures);
        await AssertRefusedAsync(gone);
        Assert.Equal("a", await TcpClient.AskAsync(kept));
        Assert.Equal("x", await held.EchoAsync("x"));
    }

    [Fact]
    public async Task Disposing_closes_listeners_and_connections_promptly()
    {
        var test = await BackendUnderTest.StartAsync();
        using var server = new TcpServer("a");
        var frontend = Services.FreeFrontend();
        await test.ApplyAsync(Services.Make(frontend, [server.EndPoint]));
        using var held = await TcpClient.ConnectAsync(frontend);
        await held.ReadLineAsync();
        await test.DisposeAsync();
        await AssertRefusedAsync(frontend);
        await Assert.ThrowsAsync<SocketException>(held.ReadToEndAsync);
        await Wait.UntilAsync(() => server.Open == 0, "the server's connections are closed");
    }

    [Fact]
    public async Task Disposing_lets_connections_go_on_for_the_shutdown_drain()
    {
        var test = await BackendUnderTest.StartAsync(settings: ("shutdown-drain", "1m"));
        using var server = new TcpServer("a");
        var frontend = Services.FreeFrontend();
        await test.ApplyAsync(Services.Make(frontend, [server.EndPoint]));
        using var held = await TcpClient.ConnectAsync(frontend);
        await held.ReadLineAsync();
        var disposing = test.DisposeAsync();
        await AssertRefusedAsync(frontend);
        Assert.Equal("x", await held.EchoAsync("x"));
        Assert.False(disposing.IsCompleted);
        held.Dispose();
        await disposing;
    }

    internal static async Task AssertRefusedAsync((InetAddress Address, ushort Port) frontend)
    {
        var error = await Assert.ThrowsAsync<SocketException>(() => TcpClient.AskAsync(frontend));
        Assert.Equal(SocketError.ConnectionRefused, error.SocketErrorCode);
    }

    /// <summary>Whether a socket of this namespace waits for the answer to its SYN (<c>02</c> in /proc/net/tcp, remote address in hex).</summary>
    private static bool HasSynSent((InetAddress Address, ushort Port) frontend)
    {
        var bytes = frontend.Address.ToIPAddress().GetAddressBytes();
        var remote = $"{bytes[3]:X2}{bytes[2]:X2}{bytes[1]:X2}{bytes[0]:X2}:{frontend.Port:X4} 02";
        return File.ReadLines("/proc/net/tcp").Any(line => line.Contains(remote, StringComparison.Ordinal));
    }
}
