namespace ProxyFramework.Netlink.Ipvs;

/// <summary>How packets reach a real server: <c>IP_VS_CONN_F_FWD_MASK</c> (linux/ip_vs.h).</summary>
public enum IpvsForwarding : uint
{
    /// <summary><c>IP_VS_CONN_F_MASQ</c>: the destination is translated, answers come back the same way. The only one that can change the port.</summary>
    Masquerade = 0,

    /// <summary><c>IP_VS_CONN_F_LOCALNODE</c>: a socket of this machine.</summary>
    Local = 1,

    /// <summary><c>IP_VS_CONN_F_TUNNEL</c>: encapsulated, see <see cref="IpvsTunnel"/>; the only one that allows another address family than the virtual server's.</summary>
    Tunnel = 2,

    /// <summary><c>IP_VS_CONN_F_DROUTE</c>: sent to the real server's link-layer address, unchanged.</summary>
    DirectRoute = 3,

    /// <summary><c>IP_VS_CONN_F_BYPASS</c>: past IPVS, to where it was sent.</summary>
    Bypass = 4,
}
