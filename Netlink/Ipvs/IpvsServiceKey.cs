using System.Globalization;
using ProxyFramework.Netlink.Route;
using static ProxyFramework.Netlink.Ipvs.IpvsHeader;

namespace ProxyFramework.Netlink.Ipvs;

/// <summary>
/// What identifies a virtual server: an address, protocol and port, or a packet mark. The default value is none.
/// </summary>
public readonly record struct IpvsServiceKey
{
    /// <summary>The virtual server at an address.</summary>
    /// <param name="protocol">TCP, UDP or SCTP.</param>
    /// <param name="address">The address.</param>
    /// <param name="port">The port; 0 stands for all ports and needs <see cref="IpvsServiceFlags.Persistent"/>.</param>
    public IpvsServiceKey(TransportProtocol protocol, InetAddress address, ushort port)
    {
        Family = address.Family;
        Protocol = protocol;
        Address = address;
        Port = port;
    }

    /// <summary>The virtual server for packets with a mark.</summary>
    /// <param name="family">IPv4 or IPv6.</param>
    /// <param name="mark">The mark, not 0.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="mark"/> is 0.</exception>
    public IpvsServiceKey(IPFamily family, uint mark)
    {
        ArgumentOutOfRangeException.ThrowIfZero(mark);
        Family = family;
        Mark = mark;
        Address = InetAddress.Any(family);
    }

    /// <summary>IPv4 or IPv6.</summary>
    public IPFamily Family { get; private init; }

    /// <summary>The protocol; without meaning where there is a mark.</summary>
    public TransportProtocol Protocol { get; }

    /// <summary>The address; <c>0.0.0.0</c> or <c>::</c> where there is a mark.</summary>
    public InetAddress Address { get; }

    /// <summary>The port; 0 where there is a mark.</summary>
    public ushort Port { get; }

    /// <summary><c>IPVS_SVC_ATTR_FWMARK</c>, or 0.</summary>
    public uint Mark { get; }

    /// <summary><c>tcp 10.96.0.1:443</c>, <c>udp [fd00::10]:53</c> or <c>IPv4 mark 7</c>.</summary>
    public override string ToString() => Mark != 0
        ? string.Create(CultureInfo.InvariantCulture, $"{Family} mark {Mark}")
        : Address.IsIPv4
            ? string.Create(CultureInfo.InvariantCulture, $"{Protocol} {Address}:{Port}")
            : string.Create(CultureInfo.InvariantCulture, $"{Protocol} [{Address}]:{Port}");

    internal void Write(NetlinkWriter writer)
    {
        writer.U16(IPVS_SVC_ATTR_AF, RtNetlinkHeader.AddressFamily(Family));
        if (Mark != 0)
        {
            writer.U32(IPVS_SVC_ATTR_FWMARK, Mark);
            return;
        }

        writer.U16(IPVS_SVC_ATTR_PROTOCOL, (ushort)Protocol);
        IpvsAddress.Write(writer, IPVS_SVC_ATTR_ADDR, Address);
        writer.U16BigEndian(IPVS_SVC_ATTR_PORT, Port);
    }
}
