using System.Runtime.InteropServices;

namespace ProxyFramework.Netlink.Ipvs;

#pragma warning disable CS8981 // The header's names are lower-case.

/// <summary>The constants of linux/ip_vs.h, under the header's names.</summary>
internal static class IpvsHeader
{
    internal const string IPVS_GENL_NAME = "IPVS";
    internal const byte IPVS_GENL_VERSION = 1;

    internal const byte IPVS_CMD_NEW_SERVICE = 1;
    internal const byte IPVS_CMD_SET_SERVICE = 2;
    internal const byte IPVS_CMD_DEL_SERVICE = 3;
    internal const byte IPVS_CMD_GET_SERVICE = 4;
    internal const byte IPVS_CMD_NEW_DEST = 5;
    internal const byte IPVS_CMD_SET_DEST = 6;
    internal const byte IPVS_CMD_DEL_DEST = 7;
    internal const byte IPVS_CMD_GET_DEST = 8;
    internal const byte IPVS_CMD_SET_CONFIG = 12;
    internal const byte IPVS_CMD_GET_CONFIG = 13;
    internal const byte IPVS_CMD_SET_INFO = 14;
    internal const byte IPVS_CMD_GET_INFO = 15;
    internal const byte IPVS_CMD_ZERO = 16;
    internal const byte IPVS_CMD_FLUSH = 17;

    internal const ushort IPVS_CMD_ATTR_SERVICE = 1;
    internal const ushort IPVS_CMD_ATTR_DEST = 2;
    internal const ushort IPVS_CMD_ATTR_TIMEOUT_TCP = 4;
    internal const ushort IPVS_CMD_ATTR_TIMEOUT_TCP_FIN = 5;
    internal const ushort IPVS_CMD_ATTR_TIMEOUT_UDP = 6;

    internal const ushort IPVS_SVC_ATTR_AF = 1;
    internal const ushort IPVS_SVC_ATTR_PROTOCOL = 2;
    internal const ushort IPVS_SVC_ATTR_ADDR = 3;
    internal const ushort IPVS_SVC_ATTR_PORT = 4;
    internal const ushort IPVS_SVC_ATTR_FWMARK = 5;
    internal const ushort IPVS_SVC_ATTR_SCHED_NAME = 6;
    internal const ushort IPVS_SVC_ATTR_FLAGS = 7;
    internal const ushort IPVS_SVC_ATTR_TIMEOUT = 8;
    internal const ushort IPVS_SVC_ATTR_NETMASK = 9;
    internal const ushort IPVS_SVC_ATTR_STATS = 10;
    internal const ushort IPVS_SVC_ATTR_PE_NAME = 11;
    internal const ushort IPVS_SVC_ATTR_STATS64 = 12;

    internal const ushort IPVS_DEST_ATTR_ADDR = 1;
    internal const ushort IPVS_DEST_ATTR_PORT = 2;
    internal const ushort IPVS_DEST_ATTR_FWD_METHOD = 3;
    internal const ushort IPVS_DEST_ATTR_WEIGHT = 4;
    internal const ushort IPVS_DEST_ATTR_U_THRESH = 5;
    internal const ushort IPVS_DEST_ATTR_L_THRESH = 6;
    internal const ushort IPVS_DEST_ATTR_ACTIVE_CONNS = 7;
    internal const ushort IPVS_DEST_ATTR_INACT_CONNS = 8;
    internal const ushort IPVS_DEST_ATTR_PERSIST_CONNS = 9;
    internal const ushort IPVS_DEST_ATTR_STATS = 10;
    internal const ushort IPVS_DEST_ATTR_ADDR_FAMILY = 11;
    internal const ushort IPVS_DEST_ATTR_STATS64 = 12;
    internal const ushort IPVS_DEST_ATTR_TUN_TYPE = 13;
    internal const ushort IPVS_DEST_ATTR_TUN_PORT = 14;
    internal const ushort IPVS_DEST_ATTR_TUN_FLAGS = 15;

    internal const ushort IPVS_STATS_ATTR_CONNS = 1;
    internal const ushort IPVS_STATS_ATTR_INPKTS = 2;
    internal const ushort IPVS_STATS_ATTR_OUTPKTS = 3;
    internal const ushort IPVS_STATS_ATTR_INBYTES = 4;
    internal const ushort IPVS_STATS_ATTR_OUTBYTES = 5;
    internal const ushort IPVS_STATS_ATTR_CPS = 6;
    internal const ushort IPVS_STATS_ATTR_INPPS = 7;
    internal const ushort IPVS_STATS_ATTR_OUTPPS = 8;
    internal const ushort IPVS_STATS_ATTR_INBPS = 9;
    internal const ushort IPVS_STATS_ATTR_OUTBPS = 10;

    internal const ushort IPVS_INFO_ATTR_VERSION = 1;
    internal const ushort IPVS_INFO_ATTR_CONN_TAB_SIZE = 2;

    internal const uint IP_VS_CONN_F_FWD_MASK = 7;
    internal const int IP_VS_SCHEDNAME_MAXLEN = 16;
    internal const int IP_VS_PENAME_MAXLEN = 16;

    /// <summary><c>union nf_inet_addr</c>: IPVS sends and takes 16 bytes whatever the family.</summary>
    internal const int AddressSize = 16;

    [StructLayout(LayoutKind.Sequential)]
    internal struct ip_vs_flags
    {
        internal uint flags;
        internal uint mask;

        internal const int Size = 8;
    }
}
