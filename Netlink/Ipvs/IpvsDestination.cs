using System.Globalization;
using ProxyFramework.Netlink.Route;
using static ProxyFramework.Netlink.Ipvs.IpvsHeader;

namespace ProxyFramework.Netlink.Ipvs;

/// <summary>A real server of a virtual server as it is configured; address and port identify it there.</summary>
/// <param name="Address">Its address.</param>
/// <param name="Port">Its port; 0 for that which the client asked for, under a virtual server of all ports or of a mark.</param>
public sealed record IpvsDestination(InetAddress Address, ushort Port)
{
    /// <summary>How packets reach it.</summary>
    public IpvsForwarding Forwarding { get; init; }

    /// <summary>Its share, 0…2,147,483,647: with 0 it gets no new connections and keeps those that it has. 1 by default.</summary>
    public int Weight { get; init; } = 1;

    /// <summary>The number of connections at which it counts as overloaded and gets no new ones; 0 for no limit.</summary>
    public uint UpperThreshold { get; init; }

    /// <summary>Below how many connections an overloaded one recovers; 0 for three quarters of <see cref="UpperThreshold"/>.</summary>
    public uint LowerThreshold { get; init; }

    /// <summary>The encapsulation of <see cref="IpvsForwarding.Tunnel"/>; without meaning for the others.</summary>
    public IpvsTunnel Tunnel { get; init; }

    /// <summary><c>10.0.0.7:8080</c> or <c>[fd00::7]:8080</c>.</summary>
    public override string ToString() => Address.IsIPv4
        ? string.Create(CultureInfo.InvariantCulture, $"{Address}:{Port}")
        : string.Create(CultureInfo.InvariantCulture, $"[{Address}]:{Port}");

    internal void Write(NetlinkWriter writer)
    {
        WriteKey(writer);
        writer.U32(IPVS_DEST_ATTR_FWD_METHOD, (uint)Forwarding);
        writer.U32(IPVS_DEST_ATTR_WEIGHT, (uint)Weight);
        writer.U32(IPVS_DEST_ATTR_U_THRESH, UpperThreshold);
        writer.U32(IPVS_DEST_ATTR_L_THRESH, LowerThreshold);
        if (Forwarding == IpvsForwarding.Tunnel)
        {
            writer.U8(IPVS_DEST_ATTR_TUN_TYPE, (byte)Tunnel.Type);
            writer.U16BigEndian(IPVS_DEST_ATTR_TUN_PORT, Tunnel.Port);
            writer.U16(IPVS_DEST_ATTR_TUN_FLAGS, (ushort)Tunnel.Flags);
        }
    }

    internal void WriteKey(NetlinkWriter writer)
    {
        writer.U16(IPVS_DEST_ATTR_ADDR_FAMILY, RtNetlinkHeader.AddressFamily(Address.Family));
        IpvsAddress.Write(writer, IPVS_DEST_ATTR_ADDR, Address);
        writer.U16BigEndian(IPVS_DEST_ATTR_PORT, Port);
    }

    /// <summary>Reads a real server out of the attributes of <c>IPVS_CMD_ATTR_DEST</c>.</summary>
    /// <param name="attributes">The attributes.</param>
    /// <param name="serviceFamily">The family of its virtual server, for kernels before 3.18, which do not tell.</param>
    internal static IpvsDestinationState Read(AttributeReader attributes, IPFamily serviceFamily)
    {
        ushort family = RtNetlinkHeader.AddressFamily(serviceFamily), port = 0, tunnelPort = 0, tunnelFlags = 0;
        byte tunnelType = 0;
        uint forwarding = 0, weight = 0, upper = 0, lower = 0, active = 0, inactive = 0, persistent = 0;
        ReadOnlySpan<byte> address = default;
        var statistics = default(IpvsStatistics);
        while (attributes.TryRead(out var attribute))
        {
            switch (attribute.Type)
            {
                case IPVS_DEST_ATTR_ADDR:
                    address = attribute.Value;
                    break;
                case IPVS_DEST_ATTR_ADDR_FAMILY:
                    family = attribute.ReadU16();
                    break;
                case IPVS_DEST_ATTR_PORT:
                    port = attribute.ReadU16BigEndian();
                    break;
                case IPVS_DEST_ATTR_FWD_METHOD:
                    forwarding = attribute.ReadU32() & IP_VS_CONN_F_FWD_MASK;
                    break;
                case IPVS_DEST_ATTR_WEIGHT:
                    weight = attribute.ReadU32();
                    break;
                case IPVS_DEST_ATTR_U_THRESH:
                    upper = attribute.ReadU32();
                    break;
                case IPVS_DEST_ATTR_L_THRESH:
                    lower = attribute.ReadU32();
                    break;
                case IPVS_DEST_ATTR_ACTIVE_CONNS:
                    active = attribute.ReadU32();
                    break;
                case IPVS_DEST_ATTR_INACT_CONNS:
                    inactive = attribute.ReadU32();
                    break;
                case IPVS_DEST_ATTR_PERSIST_CONNS:
                    persistent = attribute.ReadU32();
                    break;
                case IPVS_DEST_ATTR_TUN_TYPE:
                    tunnelType = attribute.ReadU8();
                    break;
                case IPVS_DEST_ATTR_TUN_PORT:
                    tunnelPort = attribute.ReadU16BigEndian();
                    break;
                case IPVS_DEST_ATTR_TUN_FLAGS:
                    tunnelFlags = attribute.ReadU16();
                    break;
                case IPVS_DEST_ATTR_STATS64:
                    statistics = IpvsStatistics.Read64(attribute.Nested());
                    break;
                case IPVS_DEST_ATTR_STATS when statistics == default:
                    statistics = IpvsStatistics.Read32(attribute.Nested());
                    break;
            }
        }

        var destination = new IpvsDestination(IpvsAddress.Read(address, family), port)
        {
            Forwarding = (IpvsForwarding)forwarding,
            Weight = (int)weight,
            UpperThreshold = upper,
            LowerThreshold = lower,
            Tunnel = new IpvsTunnel((IpvsTunnelType)tunnelType, tunnelPort, (IpvsTunnelFlags)tunnelFlags),
        };
        return new IpvsDestinationState(destination, active, inactive, persistent, statistics);
    }
}
