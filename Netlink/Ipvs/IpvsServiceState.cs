using System.Diagnostics.CodeAnalysis;
using static ProxyFramework.Netlink.Generic.GenericHeader;
using static ProxyFramework.Netlink.Ipvs.IpvsHeader;

namespace ProxyFramework.Netlink.Ipvs;

/// <summary>A virtual server in the kernel.</summary>
/// <param name="Service">As it is configured.</param>
/// <param name="Statistics">What went through it.</param>
public sealed record IpvsServiceState(IpvsService Service, IpvsStatistics Statistics)
{
    internal static bool TryParse(NetlinkMessage message, ushort family, [MaybeNullWhen(false)] out IpvsServiceState state)
    {
        state = null;
        if (message.Type != family || message.Fixed(genlmsghdr.Size)[0] != IPVS_CMD_NEW_SERVICE)
        {
            return false;
        }

        var attributes = message.Attributes(genlmsghdr.Size);
        while (attributes.TryRead(out var attribute))
        {
            if (attribute.Type == IPVS_CMD_ATTR_SERVICE)
            {
                state = IpvsService.Read(attribute.Nested());
            }
        }

        return state is not null;
    }
}
