using static ProxyFramework.Netlink.Generic.GenericHeader;
using static ProxyFramework.Netlink.Ipvs.IpvsHeader;

namespace ProxyFramework.Netlink.Ipvs;

/// <summary>After which time without packets connections are forgotten, in whole seconds. The kernel leaves as it is what is zero.</summary>
/// <param name="Tcp">Established TCP connections; 15 minutes unless set.</param>
/// <param name="TcpFin">TCP connections of which one side has closed; 2 minutes unless set.</param>
/// <param name="Udp">UDP; 5 minutes unless set.</param>
public readonly record struct IpvsTimeouts(TimeSpan Tcp, TimeSpan TcpFin, TimeSpan Udp)
{
    internal void Write(NetlinkWriter writer)
    {
        writer.U32(IPVS_CMD_ATTR_TIMEOUT_TCP, checked((uint)Tcp.TotalSeconds));
        writer.U32(IPVS_CMD_ATTR_TIMEOUT_TCP_FIN, checked((uint)TcpFin.TotalSeconds));
        writer.U32(IPVS_CMD_ATTR_TIMEOUT_UDP, checked((uint)Udp.TotalSeconds));
    }

    internal static bool TryParse(NetlinkMessage message, ushort family, out IpvsTimeouts timeouts)
    {
        timeouts = default;
        if (message.Type != family || message.Fixed(genlmsghdr.Size)[0] != IPVS_CMD_SET_CONFIG)
        {
            return false;
        }

        uint tcp = 0, tcpFin = 0, udp = 0;
        var attributes = message.Attributes(genlmsghdr.Size);
        while (attributes.TryRead(out var attribute))
        {
            switch (attribute.Type)
            {
                case IPVS_CMD_ATTR_TIMEOUT_TCP:
                    tcp = attribute.ReadU32();
                    break;
                case IPVS_CMD_ATTR_TIMEOUT_TCP_FIN:
                    tcpFin = attribute.ReadU32();
                    break;
                case IPVS_CMD_ATTR_TIMEOUT_UDP:
                    udp = attribute.ReadU32();
                    break;
            }
        }

        timeouts = new IpvsTimeouts(TimeSpan.FromSeconds(tcp), TimeSpan.FromSeconds(tcpFin), TimeSpan.FromSeconds(udp));
        return true;
    }
}
