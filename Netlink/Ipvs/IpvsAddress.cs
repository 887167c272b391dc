using ProxyFramework.Netlink.Route;

namespace ProxyFramework.Netlink.Ipvs;

/// <summary><c>union nf_inet_addr</c>: 16 bytes of which IPv4 uses the first four; the family is told beside it.</summary>
internal static class IpvsAddress
{
    internal static void Write(NetlinkWriter writer, ushort type, InetAddress address)
    {
        var space = writer.AttributeSpace(type, IpvsHeader.AddressSize);
        space[address.WriteBytes(space)..].Clear();
    }

    /// <exception cref="NetlinkFormatException">The family is neither IPv4 nor IPv6, or the address is too short for it.</exception>
    internal static InetAddress Read(ReadOnlySpan<byte> value, ushort family)
    {
        var size = Family(family) == IPFamily.IPv4 ? 4 : 16;
        return value.Length >= size
            ? InetAddress.FromBytes(value[..size])
            : throw new NetlinkFormatException($"an address of family {family} has {value.Length} bytes");
    }

    /// <exception cref="NetlinkFormatException">The family is neither IPv4 nor IPv6.</exception>
    internal static IPFamily Family(ushort family) => family switch
    {
        RtNetlinkHeader.AF_INET => IPFamily.IPv4,
        RtNetlinkHeader.AF_INET6 => IPFamily.IPv6,
        _ => throw new NetlinkFormatException($"address family {family} is neither IPv4 nor IPv6"),
    };
}
