using System.Net;
using System.Net.Sockets;
using Xunit;

namespace ProxyFramework.Userspace.Tests.Backend;

/// <summary>What the node itself listens to stays off the service addresses (kubernetes #72236).</summary>
public sealed class PortGuardTests : NamespaceTest
{
    [Theory]
    [InlineData("10.96.0.1", "192.0.2.1")]
    [InlineData("fd00::1", "2001:db8::1")]
    public void Ports_of_a_service_address_that_belong_to_no_service_do_not_reach_the_node(string service, string node)
    {
        var (address, own) = (InetAddress.Parse(service), InetAddress.Parse(node));
        using var daemon = Daemon(address.Family, 22);
        using var test = Start();
        Apply(test, Services.Make((address, (ushort)80), [Server.EndPoint]));
        foreach (var client in new[] { Outside, Node })
        {
            Assert.Equal("a", Ask(client, (address, 80)));
            Assert.Equal("ConnectionRefused", Ask(client, (address, 22)));
            Assert.Equal("ConnectionRefused", AskUdp(client, (address, 22)));
            Assert.Equal("d", Ask(client, (own, 22)));
            Assert.Equal("daemon", AskUdp(client, (own, 22)));
        }
    }

    [Fact]
    public void A_service_without_endpoints_is_refused_although_the_node_listens_on_its_port()
    {
        var address = InetAddress.Parse("10.96.0.1");
        using var daemon = Daemon(IPFamily.IPv4, 80);
        using var test = Start();
        Apply(test, Services.Make((address, (ushort)80), []), Services.Make((address, (ushort)80), [], "udp", TransportProtocol.Udp));
        Assert.Equal("ConnectionRefused", Ask(Outside, (address, 80)));
        Assert.Equal("ConnectionRefused", AskUdp(Outside, (address, 80)));
    }

    [Fact]
    public void Ports_follow_their_service_ports_and_an_address_is_free_again_without_services()
    {
        var address = InetAddress.Parse("10.96.0.1");
        using var test = Start();
        var (first, second) = (Services.Make((address, (ushort)80), [Server.EndPoint]), Services.Make((address, (ushort)81), [Server.EndPoint]));
        Apply(test, first, Services.Make((address, (ushort)82), [Server.EndPoint], "other"));
        Apply(test, second);
        using var daemon = Daemon(IPFamily.IPv4, 80);
        Assert.Equal("ConnectionRefused", Ask(Outside, (address, 80)));
        Assert.Equal("a", Ask(Outside, (address, 81)));
        Remove(test, second);
        Assert.Equal("ConnectionRefused", Ask(Outside, (address, 80)));
        ApplyFull(test);

        // Someone else makes it an address of the node.
        Node.Exec("ip", "addr", "add", "10.96.0.1/32", "dev", "lo");
        Assert.Equal("d", Ask(Outside, (address, 80)));
    }

    [Fact]
    public void An_address_of_the_node_is_never_guarded_even_where_the_node_is_not_known_to_have_it()
    {
        var address = InetAddress.Parse("192.0.2.1");
        _ = Outside;
        using var daemon = Daemon(IPFamily.IPv4, 22);
        using var test = Start();
        var service = Services.Make((address, (ushort)80), [Server.EndPoint]);
        Apply(test, service);
        Assert.Equal("a", Ask(Outside, (address, 80)));
        Assert.Equal("d", Ask(Outside, (address, 22)));
        ApplyFull(test, service);
        Assert.Equal("d", Ask(Outside, (address, 22)));
    }

    [Fact]
    public void Addresses_that_an_earlier_run_left_behind_are_guarded_from_the_start()
    {
        var address = InetAddress.Parse("10.96.0.1");
        using (var test = Start())
        {
            Apply(test, Services.Make((address, (ushort)80), [Server.EndPoint]));
        }

        using var daemon = Daemon(IPFamily.IPv4, 22);
        using var next = Start();
        Assert.Equal("ConnectionRefused", Ask(Outside, (address, 22)));
    }

    [Theory]
    [InlineData("10.96.0.1")]
    [InlineData("fd00::1")]
    public async Task An_unconnected_UDP_client_on_the_node_gets_its_answers(string text)
    {
        var address = InetAddress.Parse(text);
        using var server = new UdpServer("dns");
        using var test = Start();
        Apply(test, Services.Make((address, (ushort)53), [server.EndPoint], protocol: TransportProtocol.Udp));
        var frontend = (address, (ushort)53).ToEndPoint();

        // Its source is the service address too, and its port belongs to no service.
        using var client = Node.Run(() => new Socket(frontend.AddressFamily, SocketType.Dgram, ProtocolType.Udp));
        client.SendTo("x"u8, frontend);
        var answer = new byte[100];
        Assert.NotEqual(0, await client.ReceiveAsync(answer, Wait.Limit()));
    }

    /// <summary>A TCP and a UDP server of the node on all its addresses.</summary>
    private Daemons Daemon(IPFamily family, int port) => Node.Run(() => new Daemons(family == IPFamily.IPv4 ? IPAddress.Any : IPAddress.IPv6Any, port));

    private sealed class Daemons(IPAddress address, int port) : IDisposable
    {
        private readonly TcpServer _tcp = new("daemon", address: address, port: port);
        private readonly UdpServer _udp = new("daemon", address, port);

        public void Dispose()
        {
            _tcp.Dispose();
            _udp.Dispose();
        }
    }
}
