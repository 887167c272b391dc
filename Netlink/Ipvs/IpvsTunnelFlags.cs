namespace ProxyFramework.Netlink.Ipvs;

/// <summary><c>IP_VS_TUNNEL_ENCAP_FLAG_…</c> (linux/ip_vs.h).</summary>
[Flags]
public enum IpvsTunnelFlags : ushort
{
    /// <summary><c>IP_VS_TUNNEL_ENCAP_FLAG_NOCSUM</c>: without a checksum.</summary>
    None = 0,

    /// <summary><c>IP_VS_TUNNEL_ENCAP_FLAG_CSUM</c>: with a checksum.</summary>
    Checksum = 1,

    /// <summary><c>IP_VS_TUNNEL_ENCAP_FLAG_REMCSUM</c>: with a remote checksum (GUE).</summary>
    RemoteChecksum = 2,
}
