using System.Runtime.InteropServices;

namespace ProxyFramework.Netlink.Generic;

#pragma warning disable CS8981 // The header's names are lower-case.

/// <summary>The constants of linux/genetlink.h, under the header's names.</summary>
internal static class GenericHeader
{
    internal const ushort GENL_ID_CTRL = NetlinkHeader.NLMSG_MIN_TYPE;

    internal const byte CTRL_CMD_NEWFAMILY = 1;
    internal const byte CTRL_CMD_DELFAMILY = 2;
    internal const byte CTRL_CMD_GETFAMILY = 3;

    internal const ushort CTRL_ATTR_FAMILY_ID = 1;
    internal const ushort CTRL_ATTR_FAMILY_NAME = 2;
    internal const ushort CTRL_ATTR_VERSION = 3;

    [StructLayout(LayoutKind.Sequential)]
    internal struct genlmsghdr
    {
        internal byte cmd;
        internal byte version;
        internal ushort reserved;

        internal const int Size = 4;
    }
}
