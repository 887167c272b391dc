using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using static ProxyFramework.Netlink.Route.RtNetlinkHeader;

namespace ProxyFramework.Netlink.Route;

/// <summary>A network interface.</summary>
/// <param name="Index">Its number, unique in its network namespace.</param>
/// <param name="Name">Its name, such as <c>eth0</c>.</param>
/// <param name="IsUp"><c>IFF_UP</c>: the administrator wants it up.</param>
/// <param name="Kind"><c>IFLA_INFO_KIND</c>: <c>veth</c>, <c>bridge</c>, <c>dummy</c>…; null for hardware and loopback.</param>
/// <param name="Mtu">The largest packet, in bytes.</param>
/// <param name="Master">The index of the bridge or bond that it belongs to, or 0.</param>
public sealed record Link(int Index, string Name, bool IsUp, string? Kind, uint Mtu, int Master)
{
    internal static bool TryParse(NetlinkMessage message, [MaybeNullWhen(false)] out Link link)
    {
        link = null;
        if (message.Type is not (RTM_NEWLINK or RTM_DELLINK))
        {
            return false;
        }

        var header = MemoryMarshal.Read<ifinfomsg>(message.Fixed(ifinfomsg.Size));

        // Bridges announce their ports once more under AF_BRIDGE; those are not links of their own.
        if (header.ifi_family != AF_UNSPEC)
        {
            return false;
        }

        var name = "";
        string? kind = null;
        uint mtu = 0;
        var master = 0;
        var attributes = message.Attributes(ifinfomsg.Size);
        while (attributes.TryRead(out var attribute))
        {
            switch (attribute.Type)
            {
                case IFLA_IFNAME:
                    name = attribute.ReadString();
                    break;
                case IFLA_MTU:
                    mtu = attribute.ReadU32();
                    break;
                case IFLA_MASTER:
                    master = (int)attribute.ReadU32();
                    break;
                case IFLA_LINKINFO:
                    kind = ReadKind(attribute.Nested());
                    break;
            }
        }

        link = new Link(header.ifi_index, name, (header.ifi_flags & IFF_UP) != 0, kind, mtu, master);
        return true;
    }

    private static string? ReadKind(AttributeReader attributes)
    {
        while (attributes.TryRead(out var attribute))
        {
            if (attribute.Type == IFLA_INFO_KIND)
            {
                return attribute.ReadString();
            }
        }

        return null;
    }
}
