namespace ProxyFramework.Netlink.NfTables;

/// <summary>The address family of a table: <c>NFPROTO_*</c> (linux/netfilter.h).</summary>
public enum NftFamily : byte
{
    /// <summary>All families; in dump requests only.</summary>
    Unspecified = 0,

    /// <summary><c>inet</c>: IPv4 and IPv6.</summary>
    Inet = 1,

    /// <summary><c>ip</c>.</summary>
    IPv4 = 2,

    /// <summary><c>arp</c>.</summary>
    Arp = 3,

    /// <summary><c>netdev</c>.</summary>
    Netdev = 5,

    /// <summary><c>bridge</c>.</summary>
    Bridge = 7,

    /// <summary><c>ip6</c>.</summary>
    IPv6 = 10,
}
