using System.Globalization;
using ProxyFramework.Netlink.Conntrack;
using ProxyFramework.Netlink.Route;
using Xunit;

namespace ProxyFramework.Netlink.Tests.Core;

/// <summary>The library's requests against those that iproute2 and conntrack send for the same (Fixtures/capture-tools.sh).</summary>
public sealed class RequestWireTests
{
    private const ushort Create = NetlinkHeader.NLM_F_CREATE | NetlinkHeader.NLM_F_EXCL;

    private static readonly Dictionary<string, byte[]> Captured = File
        .ReadAllLines(Path.Combine(AppContext.BaseDirectory, "Fixtures", "requests.hex"))
        .Select(line => line.Split('\t'))
        .ToDictionary(parts => parts[0], parts => Convert.FromHexString(parts[1]));

    [Fact]
    public void Addresses_are_written_as_ip_does()
    {
        var v4 = new InterfaceAddress(1, InetAddress.Parse("10.1.2.3"), 24) { Flags = AddressFlags.NoPrefixRoute };
        var v6 = new InterfaceAddress(1, InetAddress.Parse("fd00::7"), 64) { Flags = AddressFlags.NoDuplicateDetection };

        AssertSame("ip addr add 10.1.2.3/24 dev lo noprefixroute", 8, writer => v4.Write(writer, RtNetlinkHeader.RTM_NEWADDR, Create));
        AssertSame("ip addr add fd00::7/64 dev lo nodad", 8, writer => v6.Write(writer, RtNetlinkHeader.RTM_NEWADDR, Create));
        AssertSame(
            "ip addr del 10.1.2.3/24 dev lo", 8, writer => (v4 with { Flags = 0 }).Write(writer, RtNetlinkHeader.RTM_DELADDR, 0));
    }

    [Fact]
    public void Routes_are_written_as_ip_does()
    {
        var local = new IpRoute(InetPrefix.Parse("10.96.0.1/32"))
        {
            Table = IpRoute.LocalTable,
            Type = RouteType.Local,
            Scope = RouteScope.Host,
            Protocol = 77,
            Interface = 1,
        };
        var local6 = new IpRoute(InetPrefix.Parse("fd00::96/128")) { Table = 4711, Type = RouteType.Local, Protocol = 77, Interface = 1 };
        var gateway = new IpRoute(InetPrefix.Parse("192.0.2.0/24"))
        {
            Protocol = 3,
            Gateway = InetAddress.Parse("127.0.0.9"),
            Priority = 5,
            Interface = 1,
        };

        AssertSame(
            "ip route add local 10.96.0.1/32 dev lo table local proto 77", 12, writer => local.Write(writer, RtNetlinkHeader.RTM_NEWROUTE, Create));
        AssertSame(
            "ip route add local fd00::96/128 dev lo table 4711 proto 77", 12, writer => local6.Write(writer, RtNetlinkHeader.RTM_NEWROUTE, Create));
        AssertSame(
            "ip route replace 192.0.2.0/24 via 127.0.0.9 dev lo metric 5",
            12,
            writer => gateway.Write(writer, RtNetlinkHeader.RTM_NEWROUTE, NetlinkHeader.NLM_F_CREATE | NetlinkHeader.NLM_F_REPLACE));
        AssertSame(
            "ip route del local 10.96.0.1/32 dev lo table local",
            12,
            writer => (local with { Protocol = 0 }).Write(writer, RtNetlinkHeader.RTM_DELROUTE, 0));
    }

    [Fact]
    public void Rules_are_written_as_ip_does()
    {
        var from = new RoutingRule(IPFamily.IPv4, 4_000)
        {
            Source = InetPrefix.Parse("10.0.0.0/8"),
            Mark = 0x4000,
            MarkMask = 0x4000,
            IncomingInterface = "lo",
            Table = 1_234,
        };
        var not = new RoutingRule(IPFamily.IPv6, 4_001) { Destination = InetPrefix.Parse("fd00::/64"), Table = 4711, Invert = true };

        AssertSame(
            "ip rule add pref 4000 from 10.0.0.0/8 fwmark 0x4000/0x4000 iif lo lookup 1234",
            12,
            writer => from.Write(writer, RtNetlinkHeader.RTM_NEWRULE, Create));
        AssertSame(
            "ip -6 rule add not to fd00::/64 pref 4001 lookup 4711", 12, writer => not.Write(writer, RtNetlinkHeader.RTM_NEWRULE, Create));
    }

    [Fact]
    public void A_connections_addresses_are_written_as_conntrack_does()
    {
        var captured = Captured["conntrack -D -p udp -s 10.1.0.1 -d 10.96.0.10 --sport 40000 --dport 53"];
        using var writer = new NetlinkWriter();
        writer.BeginMessage(CtNetlink.MessageType(CtNetlinkHeader.IPCTNL_MSG_CT_DELETE), 0);
        new CtTuple(InetAddress.Parse("10.1.0.1"), InetAddress.Parse("10.96.0.10"), 17, 40000, 53).Write(writer, CtNetlinkHeader.CTA_TUPLE_ORIG);
        writer.EndMessage();

        Assert.Equal(captured[4..6], writer.Written[4..6].ToArray());
        Assert.Contains(Convert.ToHexString(writer.Written[16..]), Convert.ToHexString(captured), StringComparison.Ordinal);
    }

    private static void AssertSame(string command, int fixedLength, Action<NetlinkWriter> write)
    {
        using var writer = new NetlinkWriter();
        write(writer);
        Assert.Equal(Describe(Captured[command], fixedLength), Describe(writer.Written, fixedLength));
    }

    /// <summary>Type, flags, fixed part and attributes, whose order is free.</summary>
    private static string Describe(ReadOnlySpan<byte> bytes, int fixedLength)
    {
        var reader = new NetlinkReader(bytes);
        Assert.True(reader.TryRead(out var message));
        var lines = new List<string>();
        var attributes = message.Attributes(fixedLength);
        while (attributes.TryRead(out var attribute))
        {
            // iproute2 6.1 names no originator of a rule.
            if (message.Type == RtNetlinkHeader.RTM_NEWRULE && attribute.Type == RtNetlinkHeader.FRA_PROTOCOL)
            {
                continue;
            }

            lines.Add(string.Create(CultureInfo.InvariantCulture, $"{attribute.Type}: {Convert.ToHexString(attribute.Value)}"));
        }

        var flags = message.Flags & ~NetlinkHeader.NLM_F_ACK;
        return $"{message.Type} {flags:x} {Convert.ToHexString(message.Fixed(fixedLength))}\n{string.Join('\n', lines.Order(StringComparer.Ordinal))}";
    }
}
