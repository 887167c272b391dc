namespace ProxyFramework.Netlink.NfTables;

/// <summary>What happens to packets at the end of a base chain: <c>NF_DROP</c> or <c>NF_ACCEPT</c> (linux/netfilter.h).</summary>
public enum NftPolicy
{
    /// <summary><c>NF_DROP</c>.</summary>
    Drop = 0,

    /// <summary><c>NF_ACCEPT</c>.</summary>
    Accept = 1,
}
