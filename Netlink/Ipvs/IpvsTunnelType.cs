namespace ProxyFramework.Netlink.Ipvs;

/// <summary><c>IP_VS_CONN_F_TUNNEL_TYPE_…</c> (linux/ip_vs.h).</summary>
public enum IpvsTunnelType : byte
{
    /// <summary><c>IP_VS_CONN_F_TUNNEL_TYPE_IPIP</c>: IP in IP (RFC 2003, RFC 2473).</summary>
    IPIP = 0,

    /// <summary><c>IP_VS_CONN_F_TUNNEL_TYPE_GUE</c>: generic UDP encapsulation; since Linux 5.3.</summary>
    Gue = 1,

    /// <summary><c>IP_VS_CONN_F_TUNNEL_TYPE_GRE</c>: generic routing encapsulation (RFC 2784); since Linux 5.3.</summary>
    Gre = 2,
}
