namespace ProxyFramework.Netlink.Route;

/// <summary>What a <see cref="RouteSubscription"/> listens to: groups of <c>RTNLGRP_*</c> (linux/rtnetlink.h).</summary>
[Flags]
public enum RouteGroups
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary><c>RTNLGRP_LINK</c>.</summary>
    Links = 1,

    /// <summary><c>RTNLGRP_IPV4_IFADDR</c> and <c>RTNLGRP_IPV6_IFADDR</c>.</summary>
    Addresses = 2,

    /// <summary><c>RTNLGRP_IPV4_ROUTE</c> and <c>RTNLGRP_IPV6_ROUTE</c>.</summary>
    Routes = 4,

    /// <summary><c>RTNLGRP_IPV4_RULE</c> and <c>RTNLGRP_IPV6_RULE</c>.</summary>
    Rules = 8,
}
