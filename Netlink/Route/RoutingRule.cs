using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using static ProxyFramework.Netlink.Route.RtNetlinkHeader;

namespace ProxyFramework.Netlink.Route;

/// <summary>A rule of the routing policy, as <c>ip rule</c> shows it (ip-rule(8)).</summary>
/// <param name="Family">IPv4 or IPv6.</param>
/// <param name="Priority">Rules are tried in this order, lowest first.</param>
public sealed record RoutingRule(IPFamily Family, uint Priority)
{
    /// <summary>The table that is looked into, with <see cref="RoutingRuleAction.Table"/>.</summary>
    public uint Table { get; init; } = IpRoute.MainTable;

    /// <summary>What the rule does.</summary>
    public RoutingRuleAction Action { get; init; } = RoutingRuleAction.Table;

    /// <summary>Only packets from these addresses.</summary>
    public InetPrefix? Source { get; init; }

    /// <summary>Only packets to these addresses.</summary>
    public InetPrefix? Destination { get; init; }

    /// <summary>Only packets with this mark, under <see cref="MarkMask"/>.</summary>
    public uint? Mark { get; init; }

    /// <summary>Which bits of the mark count; null is all.</summary>
    public uint? MarkMask { get; init; }

    /// <summary>Only packets that came through the interface of this name; <c>lo</c> means those of this machine.</summary>
    public string? IncomingInterface { get; init; }

    /// <summary>Only packets of sockets bound to the interface of this name.</summary>
    public string? OutgoingInterface { get; init; }

    /// <summary>Whether the selectors are inverted (<c>FIB_RULE_INVERT</c>, <c>not</c>).</summary>
    public bool Invert { get; init; }

    /// <summary>Who made the rule: <c>RTPROT_*</c>.</summary>
    public byte Protocol { get; init; } = IpRoute.StaticProtocol;

    internal static bool TryParse(NetlinkMessage message, [MaybeNullWhen(false)] out RoutingRule rule)
    {
        rule = null;
        if (message.Type is not (RTM_NEWRULE or RTM_DELRULE))
        {
            return false;
        }

        var header = MemoryMarshal.Read<fib_rule_hdr>(message.Fixed(fib_rule_hdr.Size));
        if (header.family is not (AF_INET or AF_INET6))
        {
            return false;
        }

        var parsed = new RoutingRule(header.family == AF_INET ? IPFamily.IPv4 : IPFamily.IPv6, 0)
        {
            Table = header.table,
            Action = (RoutingRuleAction)header.action,
            Invert = (header.flags & FIB_RULE_INVERT) != 0,
            Protocol = 0,
        };
        var attributes = message.Attributes(fib_rule_hdr.Size);
        while (attributes.TryRead(out var attribute))
        {
            parsed = attribute.Type switch
            {
                FRA_PRIORITY => parsed with { Priority = attribute.ReadU32() },
                FRA_TABLE => parsed with { Table = attribute.ReadU32() },
                FRA_SRC => parsed with { Source = Prefix(attribute.ReadAddress(), header.src_len) },
                FRA_DST => parsed with { Destination = Prefix(attribute.ReadAddress(), header.dst_len) },
                FRA_FWMARK => parsed with { Mark = attribute.ReadU32() },
                FRA_FWMASK => parsed with { MarkMask = attribute.ReadU32() },
                FRA_IIFNAME => parsed with { IncomingInterface = attribute.ReadString() },
                FRA_OIFNAME => parsed with { OutgoingInterface = attribute.ReadString() },
                FRA_PROTOCOL => parsed with { Protocol = attribute.ReadU8() },
                _ => parsed,
            };
        }

        rule = parsed;
        return true;
    }

    internal void Write(NetlinkWriter writer, ushort type, ushort flags)
    {
        writer.BeginMessage(type, flags);
        writer.Fixed(new fib_rule_hdr
        {
            family = AddressFamily(Family),
            dst_len = Destination?.Length ?? 0,
            src_len = Source?.Length ?? 0,
            table = Action == RoutingRuleAction.Table && Table <= byte.MaxValue ? (byte)Table : RT_TABLE_UNSPEC,
            action = (byte)Action,
            flags = Invert ? FIB_RULE_INVERT : 0,
        });
        writer.U32(FRA_PRIORITY, Priority);
        if (Action == RoutingRuleAction.Table && Table > byte.MaxValue)
        {
            writer.U32(FRA_TABLE, Table);
        }

        if (Source is { } source)
        {
            writer.Address(FRA_SRC, source.Address);
        }

        if (Destination is { } destination)
        {
            writer.Address(FRA_DST, destination.Address);
        }

        if (Mark is { } mark)
        {
            writer.U32(FRA_FWMARK, mark);
            writer.U32(FRA_FWMASK, MarkMask ?? uint.MaxValue);
        }

        if (IncomingInterface is { } incoming)
        {
            writer.String(FRA_IIFNAME, incoming);
        }

        if (OutgoingInterface is { } outgoing)
        {
            writer.String(FRA_OIFNAME, outgoing);
        }

        writer.U8(FRA_PROTOCOL, Protocol);
        writer.EndMessage();
    }

    private static InetPrefix Prefix(InetAddress address, byte length) => length <= address.BitLength
        ? new InetPrefix(address, length)
        : throw new NetlinkFormatException($"rule prefix length {length}");
}
