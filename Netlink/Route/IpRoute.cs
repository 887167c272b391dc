using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using static ProxyFramework.Netlink.Route.RtNetlinkHeader;

namespace ProxyFramework.Netlink.Route;

/// <summary>A route, as <c>ip route</c> shows it.</summary>
/// <param name="Destination">Which addresses it is for; length 0 is the default route.</param>
public sealed record IpRoute(InetPrefix Destination)
{
    /// <summary><c>RT_TABLE_MAIN</c>.</summary>
    public const uint MainTable = 254;

    /// <summary><c>RT_TABLE_LOCAL</c>.</summary>
    public const uint LocalTable = 255;

    /// <summary><c>RTPROT_STATIC</c>: made by the administrator.</summary>
    public const byte StaticProtocol = 4;

    /// <summary>The routing table.</summary>
    public uint Table { get; init; } = MainTable;

    /// <summary>Who made it: <c>RTPROT_*</c> (linux/rtnetlink.h), or a number of one's own, by which one finds one's routes again.</summary>
    public byte Protocol { get; init; } = StaticProtocol;

    /// <summary>What it does with a packet.</summary>
    public RouteType Type { get; init; } = RouteType.Unicast;

    /// <summary>How far away the destination is.</summary>
    public RouteScope Scope { get; init; }

    /// <summary>The index of the interface to send through, or 0.</summary>
    public int Interface { get; init; }

    /// <summary>The next hop, where there is one.</summary>
    public InetAddress? Gateway { get; init; }

    /// <summary>The source address that is chosen where the sender leaves it open.</summary>
    public InetAddress? PreferredSource { get; init; }

    /// <summary>The metric; lower is better. 0 is the family's default.</summary>
    public uint Priority { get; init; }

    internal static bool TryParse(NetlinkMessage message, [MaybeNullWhen(false)] out IpRoute route)
    {
        route = null;
        if (message.Type is not (RTM_NEWROUTE or RTM_DELROUTE))
        {
            return false;
        }

        var header = MemoryMarshal.Read<rtmsg>(message.Fixed(rtmsg.Size));
        if (header.rtm_family is not (AF_INET or AF_INET6))
        {
            return false;
        }

        var family = header.rtm_family == AF_INET ? IPFamily.IPv4 : IPFamily.IPv6;
        var destination = InetAddress.Any(family);
        uint table = header.rtm_table;
        uint priority = 0;
        var link = 0;
        InetAddress? gateway = null;
        InetAddress? source = null;
        var attributes = message.Attributes(rtmsg.Size);
        while (attributes.TryRead(out var attribute))
        {
            switch (attribute.Type)
            {
                case RTA_DST:
                    destination = attribute.ReadAddress();
                    break;
                case RTA_OIF:
                    link = (int)attribute.ReadU32();
                    break;
                case RTA_GATEWAY:
                    gateway = attribute.ReadAddress();
                    break;
                case RTA_PREFSRC:
                    source = attribute.ReadAddress();
                    break;
                case RTA_PRIORITY:
                    priority = attribute.ReadU32();
                    break;
                case RTA_TABLE:
                    table = attribute.ReadU32();
                    break;
            }
        }

        if (header.rtm_dst_len > destination.BitLength)
        {
            // An IPv4-mapped IPv6 destination: InetAddress knows it as IPv4 only, and no service address is one.
            return destination.Family != family ? false : throw new NetlinkFormatException($"route prefix length {header.rtm_dst_len}");
        }

        route = new IpRoute(new InetPrefix(destination, header.rtm_dst_len))
        {
            Table = table,
            Protocol = header.rtm_protocol,
            Type = (RouteType)header.rtm_type,
            Scope = (RouteScope)header.rtm_scope,
            Interface = link,
            Gateway = gateway,
            PreferredSource = source,
            Priority = priority,
        };
        return true;
    }

    internal void Write(NetlinkWriter writer, ushort type, ushort flags)
    {
        writer.BeginMessage(type, flags);
        writer.Fixed(new rtmsg
        {
            rtm_family = AddressFamily(Destination.Family),
            rtm_dst_len = Destination.Length,
            rtm_table = Table <= byte.MaxValue ? (byte)Table : RT_TABLE_UNSPEC,
            rtm_protocol = Protocol,
            rtm_scope = (byte)Scope,
            rtm_type = (byte)Type,
        });
        if (Destination.Length > 0)
        {
            writer.Address(RTA_DST, Destination.Address);
        }

        if (Interface != 0)
        {
            writer.U32(RTA_OIF, (uint)Interface);
        }

        if (Gateway is { } gateway)
        {
            writer.Address(RTA_GATEWAY, gateway);
        }

        if (PreferredSource is { } source)
        {
            writer.Address(RTA_PREFSRC, source);
        }

        if (Priority != 0)
        {
            writer.U32(RTA_PRIORITY, Priority);
        }

        if (Table > byte.MaxValue)
        {
            writer.U32(RTA_TABLE, Table);
        }

        writer.EndMessage();
    }
}
