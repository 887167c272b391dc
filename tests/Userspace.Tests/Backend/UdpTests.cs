using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace ProxyFramework.Userspace.Tests.Backend;

public sealed class UdpTests
{
    [Fact]
    public async Task Flows_are_spread_and_a_flow_stays_with_its_endpoint()
    {
        await using var test = await BackendUnderTest.StartAsync();
        using var first = new UdpServer("a");
        using var second = new UdpServer("b");
        var frontend = Services.FreeFrontend();
        await test.ApplyAsync(Make(frontend, first, second));
        var names = new List<string>();
        for (var flow = 0; flow < 4; flow++)
        {
            // Connected clients take replies from the frontend's address and port only.
            using var client = new UdpClient(frontend);
            names.Add(await client.AskAsync());
            Assert.Equal(names[^1], await client.AskAsync());
            Assert.Equal(names[^1], await client.AskAsync());
        }

        Assert.Equal(["a", "a", "b", "b"], names.Order());
    }

    [Fact]
    public async Task Datagrams_of_any_size_pass_whole()
    {
        await using var test = await BackendUnderTest.StartAsync();
        using var server = new UdpServer("a");
        var frontend = Services.FreeFrontend();
        await test.ApplyAsync(Make(frontend, server));
        using var client = new UdpClient(frontend);
        foreach (var size in (int[])[0, 1, 1400, 9000, 60_000])
        {
            var text = new string('x', size);
            await client.SendAsync(text);
            Assert.Equal(text, (await client.ReceiveAsync()).Split(' ')[2]);
        }
    }

    [Fact]
    public async Task Answers_are_counted_once_for_each_question()
    {
        var spy = new LoadSpy();
        await using var test = await BackendUnderTest.StartAsync(schedulers: [spy]);
        using var server = new UdpServer("a");
        var frontend = Services.FreeFrontend();
        await test.ApplyAsync(Make(frontend, server).With(scheduler: spy.Name));
        using var client = new UdpClient(frontend);
        for (var question = 1; question <= 3; question++)
        {
            await client.AskAsync();
            Assert.Equal(question, spy.Loads[0].Answers.Count);
        }
    }

    [Fact]
    public async Task IPv6_is_served()
    {
        await using var test = await BackendUnderTest.StartAsync();
        using var server = new UdpServer("six", IPAddress.IPv6Loopback);
        var address = InetAddress.FromIPAddress(IPAddress.IPv6Loopback);
        var frontend = (address, Services.FreePort(address));
        await test.ApplyAsync(Make(frontend, server));
        using var client = new UdpClient(frontend);
        Assert.Equal("six", await client.AskAsync());
        Assert.Equal("six", await client.AskAsync());
    }

    [Fact]
    public async Task A_client_of_an_endpoint_that_is_gone_is_balanced_anew_with_its_next_datagram()
    {
        await using var test = await BackendUnderTest.StartAsync();
        using var first = new UdpServer("a", IPAddress.Parse("127.0.0.1"));
        using var second = new UdpServer("b", IPAddress.Parse("127.0.0.2"));
        var frontend = Services.FreeFrontend();
        await test.ApplyAsync(Make(frontend, first, second));
        using var client = new UdpClient(frontend);
        Assert.Equal("a", await client.AskAsync());
        await test.ApplyAsync(Make(frontend, second));
        Assert.Equal("b", await client.AskAsync());
        await test.ApplyAsync(Make(frontend, first, second));
        Assert.Equal("b", await client.AskAsync());
    }

    [Fact]
    public async Task A_flow_to_a_draining_endpoint_goes_on_and_new_ones_go_elsewhere()
    {
        await using var test = await BackendUnderTest.StartAsync();
        using var first = new UdpServer("a", IPAddress.Parse("127.0.0.1"));
        using var second = new UdpServer("b", IPAddress.Parse("127.0.0.2"));
        var frontend = Services.FreeFrontend();
        await test.ApplyAsync(Make(frontend, first, second));
        using var client = new UdpClient(frontend);
        Assert.Equal("a", await client.AskAsync());
        await test.ApplyAsync(Make(frontend, second).With(draining: Draining(first)));
        Assert.Equal("a", await client.AskAsync());
        using var other = new UdpClient(frontend);
        Assert.Equal("b", await other.AskAsync());
    }

    [Fact]
    public async Task A_draining_endpoint_is_served_to_the_end_even_where_it_was_the_last()
    {
        var time = new FakeTimeProvider();
        await using var test = await BackendUnderTest.StartAsync(time);
        using var server = new UdpServer("a");
        var frontend = Services.FreeFrontend();
        var service = Make(frontend, server);
        await test.ApplyAsync(service);
        using var client = new UdpClient(frontend);
        Assert.Equal("a", await client.AskAsync());
        await test.ApplyAsync(service.With(cluster: EndpointGroup.Reject, draining: Draining(server)));
        Assert.Equal("a", await client.AskAsync());
        time.Advance(TimeSpan.FromSeconds(200));
        Assert.Equal(0, test.Backend.ListenerCount);
        await AssertRefusedAsync(frontend);
    }

    [Fact]
    public async Task Without_endpoints_clients_get_port_unreachable_and_are_served_as_soon_as_there_is_one()
    {
        await using var test = await BackendUnderTest.StartAsync();
        using var server = new UdpServer("a");
        var frontend = Services.FreeFrontend();
        var service = Make(frontend);
        await test.ApplyAsync(service);
        using var client = new UdpClient(frontend);
        await client.SendAsync("x");
        var error = await Assert.ThrowsAsync<SocketException>(client.ReceiveAsync);
        Assert.Equal(SocketError.ConnectionRefused, error.SocketErrorCode);
        await test.ApplyAsync(Make(frontend, server));
        Assert.Equal("a", await client.AskAsync());
    }

    [Fact]
    public async Task A_drop_answers_nothing()
    {
        await using var test = await BackendUnderTest.StartAsync();
        using var server = new UdpServer("a");
        var frontend = Services.FreeFrontend();
        await test.ApplyAsync(Make(frontend).With(cluster: EndpointGroup.Drop));
        using var client = new UdpClient(frontend);
        await client.SendAsync("lost");

        // An ICMP error on loopback would have been raised within the send: the socket would report it now.
        await client.SendAsync("lost too");
        await test.ApplyAsync(Make(frontend, server));
        Assert.Equal("a", await client.AskAsync());
        Assert.Equal(1, server.Datagrams);
    }

    [Fact]
    public async Task An_idle_flow_expires_later_where_it_was_replied_to()
    {
        var time = new FakeTimeProvider();
        await using var test = await BackendUnderTest.StartAsync(
            time, settings: [("udp-timeout", "10s"), ("udp-stream-timeout", "1m")]);
        using var talking = new UdpServer("a");
        using var silent = new UdpServer("b", isSilent: true);
        var (first, second) = (Services.FreeFrontend(), Services.FreeFrontend());
        await test.ApplyAsync(Make(first, talking), Services.Make(second, [silent.EndPoint], "silent", TransportProtocol.Udp));
        using var answered = new UdpClient(first);
        using var unanswered = new UdpClient(second);
        await answered.AskAsync();
        await unanswered.SendAsync("x");
        await Wait.UntilAsync(() => silent.Datagrams == 1, "the datagram is forwarded");
        Assert.Equal(2, test.Backend.Metrics.ActiveFlows);
        time.Advance(TimeSpan.FromSeconds(12));
        Assert.Equal(1, test.Backend.Metrics.ActiveFlows);
        Assert.Equal("a", await answered.AskAsync());
        time.Advance(TimeSpan.FromSeconds(59));
        Assert.Equal(1, test.Backend.Metrics.ActiveFlows);
        time.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(0, test.Backend.Metrics.ActiveFlows);
        Assert.Equal("a", await answered.AskAsync());
    }

    [Fact]
    public async Task A_client_of_an_endpoint_that_refuses_goes_to_another()
    {
        await using var test = await BackendUnderTest.StartAsync();
        using var alive = new UdpServer("alive", IPAddress.Parse("127.0.0.2"));
        var dead = new UdpServer("dead", IPAddress.Parse("127.0.0.1"));
        var frontend = Services.FreeFrontend();
        await test.ApplyAsync(Make(frontend, dead, alive).With(affinity: 10800));
        using var client = new UdpClient(frontend);
        Assert.Equal("dead", await client.AskAsync());
        dead.Dispose();
        await client.SendAsync("lost");
        await Wait.UntilAsync(() => test.Lines.Any(line => line.Contains("[104]", StringComparison.Ordinal)), "the refusal is noticed");
        Assert.Equal("alive", await client.AskAsync());
    }

    [Fact]
    public async Task A_single_endpoint_that_restarts_serves_the_same_client_again()
    {
        await using var test = await BackendUnderTest.StartAsync();
        var server = new UdpServer("before");
        var frontend = Services.FreeFrontend();
        await test.ApplyAsync(Make(frontend, server));
        using var client = new UdpClient(frontend);
        Assert.Equal("before", await client.AskAsync());
        server.Dispose();
        await client.SendAsync("lost");
        await Wait.UntilAsync(() => test.Lines.Any(line => line.Contains("[104]", StringComparison.Ordinal)), "the refusal is noticed");
        using var again = new UdpServer("after", port: server.EndPoint.Port);
        Assert.Equal("after", await client.AskAsync());
    }

    [Fact]
    public async Task Beyond_the_limit_of_flows_new_clients_are_dropped_with_a_message_and_known_ones_are_served()
    {
        await using var test = await BackendUnderTest.StartAsync(settings: ("udp-flows", "2"));
        using var server = new UdpServer("a");
        var frontend = Services.FreeFrontend();
        await test.ApplyAsync(Make(frontend, server));
        using var first = new UdpClient(frontend);
        using var second = new UdpClient(frontend);
        using var third = new UdpClient(frontend);
        await first.AskAsync();
        await second.AskAsync();
        await third.SendAsync("x");
        await Wait.UntilAsync(
            () => test.Lines.Any(line => line.Contains("there are 2 UDP flows already", StringComparison.Ordinal)), "the limit is reported");
        Assert.Equal("a", await first.AskAsync());
    }

    [Fact]
    public async Task A_removed_service_ends_its_flows_and_refuses()
    {
        await using var test = await BackendUnderTest.StartAsync();
        using var server = new UdpServer("a");
        var frontend = Services.FreeFrontend();
        var service = Make(frontend, server);
        await test.ApplyAsync(service);
        using var client = new UdpClient(frontend);
        await client.AskAsync();
        await test.RemoveAsync(service);
        Assert.Equal(0, test.Backend.Metrics.ActiveFlows);
        await AssertRefusedAsync(frontend);
    }

    [Fact]
    public async Task Many_clients_at_once_each_get_their_own_answers()
    {
        await using var test = await BackendUnderTest.StartAsync();
        using var first = new UdpServer("a");
        using var second = new UdpServer("b");
        var frontend = Services.FreeFrontend();
        await test.ApplyAsync(Make(frontend, first, second));
        await Task.WhenAll(Enumerable.Range(0, 50).Select(number => Task.Run(async () =>
        {
            using var client = new UdpClient(frontend);
            for (var datagram = 0; datagram < 200; datagram++)
            {
                await client.SendAsync($"{number}-{datagram}");
                Assert.EndsWith($" {number}-{datagram}", await client.ReceiveAsync(), StringComparison.Ordinal);
            }
        })));
    }

    private static ServicePort Make((InetAddress Address, ushort Port) frontend, params UdpServer[] servers) =>
        Services.Make(frontend, servers.Select(server => server.EndPoint), "dns", TransportProtocol.Udp);

    private static ImmutableArray<Endpoint> Draining(UdpServer server) =>
        [new Endpoint(InetAddress.FromIPAddress(server.EndPoint.Address), (ushort)server.EndPoint.Port)];

    private static async Task AssertRefusedAsync((InetAddress Address, ushort Port) frontend)
    {
        using var client = new UdpClient(frontend);
        await client.SendAsync("x");
        var error = await Assert.ThrowsAsync<SocketException>(client.ReceiveAsync);
        Assert.Equal(SocketError.ConnectionRefused, error.SocketErrorCode);
    }
}
