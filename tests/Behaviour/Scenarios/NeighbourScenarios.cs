using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using ProxyFramework.Behaviour.Suite;
using ProxyFramework.Behaviour.Testbed;
using Xunit;

namespace ProxyFramework.Behaviour.Scenarios;

/// <summary>Service traffic beside the node's other rules: packets that connection tracking cannot place, a closed firewall.</summary>
[Semantics("Connections")]
public sealed class NeighbourScenarios(StandardWorld world) : ScenarioBase<StandardWorld>(world)
{
    [Fact]
    [Trap("#74839")]
    [Trap("#94861")]
    public Task A_packet_out_of_an_endpoints_window_does_not_reach_the_client_untranslated() => HoldsAsync(async () =>
    {
        var web = Service("web").Port().Endpoints(Pod1);
        await World.ApplyAsync(web);
        using var connection = await Pod2.ConnectAsync(web.ClusterIP());
        var peer = (await connection.AskAsync()).ShouldComeFrom(Pod1).Peer!;
        await Pod2.Namespace.ExecWithInputAsync(
            $"table ip probe {{\nchain in {{\ntype filter hook prerouting priority -300\nip saddr {Pod1.IPv4} tcp sport {Pod.WebPort} counter\n}}\n}}\n", "nft", "-f", "-");
        try
        {
            for (var i = 0; i < 5; i++)
            {
                SendOutOfWindow(Pod1, peer);
                (await connection.AskAsync()).ShouldComeFrom(Pod1);
            }

            Assert.Contains("packets 0 ", await Pod2.Namespace.ExecAsync("nft", "list", "table", "ip", "probe"), StringComparison.Ordinal);
        }
        finally
        {
            await Pod2.Namespace.ExecAsync("nft", "delete", "table", "ip", "probe");
        }
    });

    [Fact]
    [Trap("#98465")]
    public Task Node_ports_do_not_depend_on_what_the_node_itself_lets_in() => HoldsAsync(async () =>
    {
        var web = Service("web").TcpAndUdp().NodePort().Endpoints(Pod1, Remote1);
        await World.ApplyAsync(web);
        await Node.Namespace.ExecWithInputAsync(
            "table ip firewall {\nchain in {\ntype filter hook input priority 0; policy drop;\niif lo accept\nct state established,related accept\n}\n}\n",
            "nft", "-f", "-");
        try
        {
            foreach (var port in new[] { "tcp", "udp" })
            {
                await ShouldSpreadOverAsync(Client, web.NodePort(NodeAddress(V4), port), Pod1, Remote1);
                await ShouldSpreadOverAsync(Pod2, web.NodePort(NodeAddress(V4), port), Pod1, Remote1);
            }
        }
        finally
        {
            await Node.Namespace.ExecAsync("nft", "delete", "table", "ip", "firewall");
        }
    });

    /// <summary>An ACK from the endpoint's port, with a sequence number that is nowhere near the connection's.</summary>
    private static void SendOutOfWindow(Place endpoint, IPEndPoint peer)
    {
        using var socket = endpoint.Namespace.Run(() => new Socket(AddressFamily.InterNetwork, SocketType.Raw, ProtocolType.Tcp));
        socket.Bind(new IPEndPoint(endpoint.IPv4, 0));
        Span<byte> packet = stackalloc byte[20]; // RFC 9293 §3.1
        packet.Clear();
        BinaryPrimitives.WriteUInt16BigEndian(packet, Pod.WebPort);
        BinaryPrimitives.WriteUInt16BigEndian(packet[2..], (ushort)peer.Port);
        BinaryPrimitives.WriteUInt32BigEndian(packet[4..], (uint)Random.Shared.NextInt64(uint.MaxValue));
        BinaryPrimitives.WriteUInt32BigEndian(packet[8..], (uint)Random.Shared.NextInt64(uint.MaxValue));
        packet[12] = 5 << 4;
        packet[13] = 0x10; // ACK
        BinaryPrimitives.WriteUInt16BigEndian(packet[14..], 1000);
        BinaryPrimitives.WriteUInt16BigEndian(packet[16..], Checksum(packet, endpoint.IPv4, peer.Address));
        socket.SendTo(packet, new IPEndPoint(peer.Address, 0));
    }

    private static ushort Checksum(ReadOnlySpan<byte> packet, IPAddress from, IPAddress to)
    {
        byte[] covered = [.. from.GetAddressBytes(), .. to.GetAddressBytes(), 0, (byte)ProtocolType.Tcp, 0, (byte)packet.Length, .. packet];
        var sum = 0u;
        for (var i = 0; i < covered.Length; i += 2)
        {
            sum += BinaryPrimitives.ReadUInt16BigEndian(covered.AsSpan(i));
        }

        while (sum > ushort.MaxValue)
        {
            sum = (sum & ushort.MaxValue) + (sum >> 16);
        }

        return (ushort)~sum;
    }
}
