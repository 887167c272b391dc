using System.Diagnostics.CodeAnalysis;
using static ProxyFramework.Netlink.Generic.GenericHeader;
using static ProxyFramework.Netlink.Ipvs.IpvsHeader;

namespace ProxyFramework.Netlink.Ipvs;

/// <summary>What IPVS says about itself.</summary>
/// <param name="Version">Its version, such as 1.2.1.</param>
/// <param name="ConnectionTableSize">The number of hash buckets for connections.</param>
public sealed record IpvsInfo(Version Version, uint ConnectionTableSize)
{
    internal static bool TryParse(NetlinkMessage message, ushort family, [MaybeNullWhen(false)] out IpvsInfo info)
    {
        info = null;
        if (message.Type != family || message.Fixed(genlmsghdr.Size)[0] != IPVS_CMD_SET_INFO)
        {
            return false;
        }

        uint version = 0, size = 0;
        var attributes = message.Attributes(genlmsghdr.Size);
        while (attributes.TryRead(out var attribute))
        {
            switch (attribute.Type)
            {
                case IPVS_INFO_ATTR_VERSION:
                    version = attribute.ReadU32();
                    break;
                case IPVS_INFO_ATTR_CONN_TAB_SIZE:
                    size = attribute.ReadU32();
                    break;
            }
        }

        info = new IpvsInfo(new Version((byte)(version >> 16), (byte)(version >> 8), (byte)version), size);
        return true;
    }
}
