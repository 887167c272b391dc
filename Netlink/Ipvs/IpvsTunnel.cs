namespace ProxyFramework.Netlink.Ipvs;

/// <summary>The encapsulation of <see cref="IpvsForwarding.Tunnel"/>.</summary>
/// <param name="Type">The protocol around the packet.</param>
/// <param name="Port">The UDP port of <see cref="IpvsTunnelType.Gue"/>, which needs one; otherwise 0.</param>
/// <param name="Flags">Checksums of <see cref="IpvsTunnelType.Gue"/> and <see cref="IpvsTunnelType.Gre"/>.</param>
public readonly record struct IpvsTunnel(IpvsTunnelType Type, ushort Port = 0, IpvsTunnelFlags Flags = IpvsTunnelFlags.None);
