using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using static ProxyFramework.Netlink.Generic.GenericHeader;

namespace ProxyFramework.Netlink.Generic;

/// <summary>
/// A family of generic netlink: kernel parts that share one netlink protocol and are found by name (linux/genetlink.h).
/// </summary>
/// <param name="Name">The name that the kernel part registers, such as <c>IPVS</c>.</param>
/// <param name="Id">The message type, given out when the family registers: another one after its module was loaded again.</param>
/// <param name="Version">The version of its messages.</param>
public sealed record GenericFamily(string Name, ushort Id, uint Version)
{
    /// <summary>
    /// The family of this name, or null. The kernel loads the module that announces the name
    /// (<c>net-pf-16-proto-16-family-NAME</c>) where it can.
    /// </summary>
    /// <param name="connection">A connection of <see cref="NetlinkProtocol.Generic"/>.</param>
    /// <param name="name">At most 15 bytes.</param>
    /// <exception cref="NetlinkException">The kernel refused for another reason than that there is none.</exception>
    public static GenericFamily? Find(NetlinkConnection connection, string name)
    {
        ArgumentNullException.ThrowIfNull(connection);
        using var writer = new NetlinkWriter(64);
        writer.BeginMessage(GENL_ID_CTRL, 0);
        writer.Fixed(new genlmsghdr { cmd = CTRL_CMD_GETFAMILY, version = 1 });
        writer.String(CTRL_ATTR_FAMILY_NAME, name);
        writer.EndMessage();
        try
        {
            return connection.Query<GenericFamily>(writer, TryParse).FirstOrDefault();
        }
        catch (NetlinkException missing) when (missing.ErrorNumber == Errno.ENOENT)
        {
            return null;
        }
    }

    internal static bool TryParse(NetlinkMessage message, [MaybeNullWhen(false)] out GenericFamily family)
    {
        family = null;
        if (message.Type != GENL_ID_CTRL || MemoryMarshal.Read<genlmsghdr>(message.Fixed(genlmsghdr.Size)).cmd != CTRL_CMD_NEWFAMILY)
        {
            return false;
        }

        var name = "";
        ushort id = 0;
        uint version = 0;
        var attributes = message.Attributes(genlmsghdr.Size);
        while (attributes.TryRead(out var attribute))
        {
            switch (attribute.Type)
            {
                case CTRL_ATTR_FAMILY_NAME:
                    name = attribute.ReadString();
                    break;
                case CTRL_ATTR_FAMILY_ID:
                    id = attribute.ReadU16();
                    break;
                case CTRL_ATTR_VERSION:
                    version = attribute.ReadU32();
                    break;
            }
        }

        family = new GenericFamily(name, id, version);
        return true;
    }
}
