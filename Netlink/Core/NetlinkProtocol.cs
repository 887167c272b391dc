namespace ProxyFramework.Netlink;

/// <summary>A netlink family, the third argument of <c>socket(AF_NETLINK, …)</c> (linux/netlink.h).</summary>
public enum NetlinkProtocol
{
    /// <summary><c>NETLINK_ROUTE</c>: links, addresses, routes and rules (rtnetlink(7)).</summary>
    Route = 0,

    /// <summary><c>NETLINK_NETFILTER</c>: nf_tables and conntrack.</summary>
    Netfilter = 12,

    /// <summary><c>NETLINK_GENERIC</c>: families that are found by name.</summary>
    Generic = 16,
}
