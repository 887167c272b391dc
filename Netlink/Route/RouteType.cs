namespace ProxyFramework.Netlink.Route;

/// <summary>What happens to a packet that a route matches: <c>RTN_*</c> (linux/rtnetlink.h).</summary>
public enum RouteType : byte
{
    /// <summary><c>RTN_UNSPEC</c>.</summary>
    Unspecified = 0,

    /// <summary><c>RTN_UNICAST</c>: through a gateway or a link.</summary>
    Unicast = 1,

    /// <summary><c>RTN_LOCAL</c>: it is for this machine.</summary>
    Local = 2,

    /// <summary><c>RTN_BROADCAST</c>.</summary>
    Broadcast = 3,

    /// <summary><c>RTN_ANYCAST</c>.</summary>
    Anycast = 4,

    /// <summary><c>RTN_MULTICAST</c>.</summary>
    Multicast = 5,

    /// <summary><c>RTN_BLACKHOLE</c>: dropped silently.</summary>
    Blackhole = 6,

    /// <summary><c>RTN_UNREACHABLE</c>: answered with "unreachable".</summary>
    Unreachable = 7,

    /// <summary><c>RTN_PROHIBIT</c>: answered with "prohibited".</summary>
    Prohibit = 8,

    /// <summary><c>RTN_THROW</c>: the look-up goes on in the next table.</summary>
    Throw = 9,
}
