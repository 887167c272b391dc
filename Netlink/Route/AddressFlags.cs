namespace ProxyFramework.Netlink.Route;

/// <summary><c>IFA_F_*</c> of linux/if_addr.h.</summary>
[Flags]
public enum AddressFlags : uint
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>Another address of the same network comes first (IPv4), or temporary (IPv6).</summary>
    Secondary = 0x01,

    /// <summary>No duplicate address detection (RFC 4862 §5.4): an IPv6 address is usable at once.</summary>
    NoDuplicateDetection = 0x02,

    /// <summary>Duplicate address detection found another owner; the address is not usable.</summary>
    DuplicateDetected = 0x08,

    /// <summary>Past its preferred lifetime.</summary>
    Deprecated = 0x20,

    /// <summary>Duplicate address detection is not done yet.</summary>
    Tentative = 0x40,

    /// <summary>Without a lifetime.</summary>
    Permanent = 0x80,

    /// <summary>No route to the address's network is made.</summary>
    NoPrefixRoute = 0x200,
}
