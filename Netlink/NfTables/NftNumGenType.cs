namespace ProxyFramework.Netlink.NfTables;

/// <summary>How a rule generates numbers: <c>enum nft_ng_types</c> (nf_tables.h).</summary>
public enum NftNumGenType
{
    /// <summary><c>NFT_NG_INCREMENTAL</c>: one after the other.</summary>
    Incremental = 0,

    /// <summary><c>NFT_NG_RANDOM</c>.</summary>
    Random = 1,
}
