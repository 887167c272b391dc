using System.Runtime.InteropServices;

namespace ProxyFramework.Netlink.Route;

#pragma warning disable CS8981 // The header's names are lower-case.

/// <summary>The constants and structures of linux/rtnetlink.h, if_link.h, if_addr.h and fib_rules.h, under the headers' names.</summary>
internal static class RtNetlinkHeader
{
    internal const byte AF_UNSPEC = 0;
    internal const byte AF_INET = 2;
    internal const byte AF_INET6 = 10;

    internal const ushort RTM_NEWLINK = 16;
    internal const ushort RTM_DELLINK = 17;
    internal const ushort RTM_GETLINK = 18;
    internal const ushort RTM_NEWADDR = 20;
    internal const ushort RTM_DELADDR = 21;
    internal const ushort RTM_GETADDR = 22;
    internal const ushort RTM_NEWROUTE = 24;
    internal const ushort RTM_DELROUTE = 25;
    internal const ushort RTM_GETROUTE = 26;
    internal const ushort RTM_NEWRULE = 32;
    internal const ushort RTM_DELRULE = 33;
    internal const ushort RTM_GETRULE = 34;

    internal const ushort IFLA_IFNAME = 3;
    internal const ushort IFLA_MTU = 4;
    internal const ushort IFLA_MASTER = 10;
    internal const ushort IFLA_LINKINFO = 18;
    internal const ushort IFLA_INFO_KIND = 1;

    internal const uint IFF_UP = 1;

    internal const ushort IFA_ADDRESS = 1;
    internal const ushort IFA_LOCAL = 2;
    internal const ushort IFA_LABEL = 3;
    internal const ushort IFA_FLAGS = 8;

    internal const ushort RTA_DST = 1;
    internal const ushort RTA_SRC = 2;
    internal const ushort RTA_IIF = 3;
    internal const ushort RTA_OIF = 4;
    internal const ushort RTA_GATEWAY = 5;
    internal const ushort RTA_PRIORITY = 6;
    internal const ushort RTA_PREFSRC = 7;
    internal const ushort RTA_TABLE = 15;
    internal const ushort RTA_MARK = 16;

    internal const uint RTM_F_CLONED = 0x200;
    internal const uint RTM_F_LOOKUP_TABLE = 0x1000;
    internal const byte RT_TABLE_UNSPEC = 0;

    internal const ushort FRA_DST = 1;
    internal const ushort FRA_SRC = 2;
    internal const ushort FRA_IIFNAME = 3;
    internal const ushort FRA_PRIORITY = 6;
    internal const ushort FRA_FWMARK = 10;
    internal const ushort FRA_SUPPRESS_PREFIXLEN = 14;
    internal const ushort FRA_TABLE = 15;
    internal const ushort FRA_FWMASK = 16;
    internal const ushort FRA_OIFNAME = 17;
    internal const ushort FRA_PROTOCOL = 21;

    internal const uint FIB_RULE_INVERT = 2;

    internal const uint RTNLGRP_LINK = 1;
    internal const uint RTNLGRP_IPV4_IFADDR = 5;
    internal const uint RTNLGRP_IPV4_ROUTE = 7;
    internal const uint RTNLGRP_IPV4_RULE = 8;
    internal const uint RTNLGRP_IPV6_IFADDR = 9;
    internal const uint RTNLGRP_IPV6_ROUTE = 11;
    internal const uint RTNLGRP_IPV6_RULE = 19;

    internal static byte AddressFamily(IPFamily family) => family == IPFamily.IPv4 ? AF_INET : AF_INET6;

    [StructLayout(LayoutKind.Sequential)]
    internal struct ifinfomsg
    {
        internal byte ifi_family;
        internal byte ifi_pad;
        internal ushort ifi_type;
        internal int ifi_index;
        internal uint ifi_flags;
        internal uint ifi_change;

        internal const int Size = 16;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct ifaddrmsg
    {
        internal byte ifa_family;
        internal byte ifa_prefixlen;
        internal byte ifa_flags;
        internal byte ifa_scope;
        internal int ifa_index;

        internal const int Size = 8;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct rtmsg
    {
        internal byte rtm_family;
        internal byte rtm_dst_len;
        internal byte rtm_src_len;
        internal byte rtm_tos;
        internal byte rtm_table;
        internal byte rtm_protocol;
        internal byte rtm_scope;
        internal byte rtm_type;
        internal uint rtm_flags;

        internal const int Size = 12;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct fib_rule_hdr
    {
        internal byte family;
        internal byte dst_len;
        internal byte src_len;
        internal byte tos;
        internal byte table;
        internal byte res1;
        internal byte res2;
        internal byte action;
        internal uint flags;

        internal const int Size = 12;
    }
}
