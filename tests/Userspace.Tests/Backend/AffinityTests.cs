using System.Net;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace ProxyFramework.Userspace.Tests.Backend;

public sealed class AffinityTests
{
    [Fact]
    public async Task A_client_stays_with_its_endpoint_until_the_timeout_since_its_last_new_connection()
    {
        var time = new FakeTimeProvider();
        await using var test = await BackendUnderTest.StartAsync(time);
        using var servers = new Servers(3);
        var frontend = Services.FreeFrontend();
        await test.ApplyAsync(Services.Make(frontend, servers.EndPoints).With(affinity: 100));
        Assert.Equal(["a", "a", "a"], await TcpClient.AskAsync(frontend, 3));
        Assert.Equal("b", await TcpClient.AskAsync(frontend, from: "127.0.0.77"));
        time.Advance(TimeSpan.FromSeconds(90));
        Assert.Equal("a", await TcpClient.AskAsync(frontend));
        time.Advance(TimeSpan.FromSeconds(90));
        Assert.Equal("a", await TcpClient.AskAsync(frontend));
        Assert.Equal("c", await TcpClient.AskAsync(frontend, from: "127.0.0.77"));
        time.Advance(TimeSpan.FromSeconds(101));
        Assert.NotEqual(await TcpClient.AskAsync(frontend), await TcpClient.AskAsync(frontend, from: "127.0.0.77"));
    }

    [Fact]
    public async Task Affinity_ends_with_the_endpoint_and_does_not_come_back_with_it()
    {
        await using var test = await BackendUnderTest.StartAsync();
        using var servers = new Servers(3);
        var frontend = Services.FreeFrontend();
        var service = Services.Make(frontend, servers.EndPoints).With(affinity: 10800);
        await test.ApplyAsync(service);
        Assert.Equal("a", await TcpClient.AskAsync(frontend));
        await test.ApplyAsync(service.With(cluster: Services.Group(servers.EndPoints.Skip(1))));
        var next = await TcpClient.AskAsync(frontend);
        Assert.NotEqual("a", next);
        await test.ApplyAsync(service);
        Assert.Equal([next, next, next], await TcpClient.AskAsync(frontend, 3));
    }

    [Fact]
    public async Task Affinity_survives_changes_to_other_endpoints_and_to_the_scheduler()
    {
        await using var test = await BackendUnderTest.StartAsync();
        using var servers = new Servers(3);
        var frontend = Services.FreeFrontend();
        var service = Services.Make(frontend, servers.EndPoints.Take(2)).With(affinity: 10800);
        await test.ApplyAsync(service);
        var mine = await TcpClient.AskAsync(frontend);
        await test.ApplyAsync(service.With(cluster: Services.Group(servers.EndPoints)));
        Assert.Equal(mine, await TcpClient.AskAsync(frontend));
        await test.ApplyAsync(service.With(cluster: Services.Group(servers.EndPoints), scheduler: "random"));
        Assert.Equal([mine, mine, mine, mine], await TcpClient.AskAsync(frontend, 4));
    }

    [Fact]
    public async Task A_failed_connect_moves_the_client_to_another_endpoint_for_good()
    {
        await using var test = await BackendUnderTest.StartAsync();
        using var alive = new TcpServer("alive", address: IPAddress.Parse("127.0.0.2"));
        var dying = new TcpServer("dying", address: IPAddress.Parse("127.0.0.1"));
        var frontend = Services.FreeFrontend();
        await test.ApplyAsync(Services.Make(frontend, [dying.EndPoint, alive.EndPoint]).With(affinity: 10800));
        Assert.Equal("dying", await TcpClient.AskAsync(frontend));
        dying.Dispose();
        Assert.Equal("alive", await TcpClient.AskAsync(frontend));
        using var back = new TcpServer("back", address: dying.EndPoint.Address, port: dying.EndPoint.Port);
        Assert.Equal(["alive", "alive", "alive"], await TcpClient.AskAsync(frontend, 3));
    }

    [Fact]
    public async Task A_changed_timeout_applies_to_clients_that_are_known()
    {
        var time = new FakeTimeProvider();
        await using var test = await BackendUnderTest.StartAsync(time);
        using var servers = new Servers(2);
        var frontend = Services.FreeFrontend();
        var service = Services.Make(frontend, servers.EndPoints);
        await test.ApplyAsync(service.With(affinity: 10800));
        Assert.Equal("a", await TcpClient.AskAsync(frontend));
        await test.ApplyAsync(service.With(affinity: 10));
        time.Advance(TimeSpan.FromSeconds(11));
        Assert.Equal("b", await TcpClient.AskAsync(frontend));
    }

    [Fact]
    public async Task Affinity_holds_across_all_frontends_of_a_service_port()
    {
        await using var test = await BackendUnderTest.StartAsync();
        using var servers = new Servers(3);
        var (cluster, external) = (Services.FreeFrontend(), Services.FreeFrontend());
        var nodePort = Services.FreeFrontend();
        test.Node = new NodeState { NodePortAddresses = [nodePort.Address] };
        await test.ApplyAsync(Services.Make(
            [
                Services.At(cluster),
                Services.At(external, FrontendKind.ExternalIP),
                Services.At((InetAddress.IPv4Any, nodePort.Port), FrontendKind.NodePort),
            ],
            servers.EndPoints).With(affinity: 10800));
        var mine = await TcpClient.AskAsync(cluster);
        Assert.Equal(mine, await TcpClient.AskAsync(external));
        Assert.Equal(mine, await TcpClient.AskAsync(nodePort));
    }

    [Fact]
    public async Task First_connections_at_the_same_time_go_to_one_endpoint()
    {
        await using var test = await BackendUnderTest.StartAsync();
        using var servers = new Servers(3);
        var frontend = Services.FreeFrontend();
        await test.ApplyAsync(Services.Make(frontend, servers.EndPoints).With(affinity: 10800));
        var names = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => TcpClient.AskAsync(frontend)));
        Assert.Single(names.Distinct());
    }

    [Fact]
    public async Task UDP_clients_stay_with_their_endpoint_from_any_source_port()
    {
        await using var test = await BackendUnderTest.StartAsync();
        using var first = new UdpServer("a");
        using var second = new UdpServer("b");
        var frontend = Services.FreeFrontend();
        await test.ApplyAsync(Services.Make(frontend, [first.EndPoint, second.EndPoint], protocol: TransportProtocol.Udp).With(affinity: 100));
        var names = new List<string>();
        for (var flow = 0; flow < 5; flow++)
        {
            using var client = new UdpClient(frontend);
            names.Add(await client.AskAsync());
        }

        Assert.Single(names.Distinct());
    }

    [Fact]
    public async Task The_number_of_remembered_clients_is_bounded_and_the_oldest_is_forgotten()
    {
        await using var test = await BackendUnderTest.StartAsync(settings: ("affinity-clients", "2"));
        using var servers = new Servers(4);
        var frontend = Services.FreeFrontend();
        await test.ApplyAsync(Services.Make(frontend, servers.EndPoints).With(affinity: 10800));
        Assert.Equal("a", await TcpClient.AskAsync(frontend, from: "127.0.0.71"));
        Assert.Equal("b", await TcpClient.AskAsync(frontend, from: "127.0.0.72"));
        Assert.Equal("c", await TcpClient.AskAsync(frontend, from: "127.0.0.73"));
        Assert.Equal("b", await TcpClient.AskAsync(frontend, from: "127.0.0.72"));
        Assert.Equal("d", await TcpClient.AskAsync(frontend, from: "127.0.0.71"));
    }
}
