using System.Diagnostics.CodeAnalysis;
using static ProxyFramework.Netlink.Generic.GenericHeader;
using static ProxyFramework.Netlink.Ipvs.IpvsHeader;

namespace ProxyFramework.Netlink.Ipvs;

/// <summary>A real server in the kernel.</summary>
/// <param name="Destination">As it is configured.</param>
/// <param name="ActiveConnections">Established connections.</param>
/// <param name="InactiveConnections">Connections in any other state, such as closing ones; all those of UDP.</param>
/// <param name="PersistentConnections">Clients that persistence keeps here.</param>
/// <param name="Statistics">What went through it.</param>
public sealed record IpvsDestinationState(
    IpvsDestination Destination, uint ActiveConnections, uint InactiveConnections, uint PersistentConnections, IpvsStatistics Statistics)
{
    internal static bool TryParse(
        NetlinkMessage message, ushort family, IPFamily serviceFamily, [MaybeNullWhen(false)] out IpvsDestinationState state)
    {
        state = null;
        if (message.Type != family || message.Fixed(genlmsghdr.Size)[0] != IPVS_CMD_NEW_DEST)
        {
            return false;
        }

        var attributes = message.Attributes(genlmsghdr.Size);
        while (attributes.TryRead(out var attribute))
        {
            if (attribute.Type == IPVS_CMD_ATTR_DEST)
            {
                state = IpvsDestination.Read(attribute.Nested(), serviceFamily);
            }
        }

        return state is not null;
    }
}
