namespace ProxyFramework.Netlink.Route;

/// <summary>How far away a destination is: <c>enum rt_scope_t</c> (linux/rtnetlink.h).</summary>
public enum RouteScope : byte
{
    /// <summary><c>RT_SCOPE_UNIVERSE</c>: anywhere.</summary>
    Universe = 0,

    /// <summary><c>RT_SCOPE_SITE</c>: inside this site.</summary>
    Site = 200,

    /// <summary><c>RT_SCOPE_LINK</c>: on a directly attached link.</summary>
    Link = 253,

    /// <summary><c>RT_SCOPE_HOST</c>: this machine.</summary>
    Host = 254,

    /// <summary><c>RT_SCOPE_NOWHERE</c>: nowhere.</summary>
    Nowhere = 255,
}
