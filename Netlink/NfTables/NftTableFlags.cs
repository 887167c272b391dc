namespace ProxyFramework.Netlink.NfTables;

/// <summary><c>enum nft_table_flags</c> (linux/netfilter/nf_tables.h).</summary>
[Flags]
public enum NftTableFlags : uint
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary><c>NFT_TABLE_F_DORMANT</c>: the table's base chains see no packets.</summary>
    Dormant = 1,

    /// <summary><c>NFT_TABLE_F_OWNER</c>: only the socket that made it may change it, and it goes with that socket.</summary>
    Owner = 2,
}
