namespace ProxyFramework.Netlink.NfTables;

/// <summary>What a rule does to an element of a set: <c>enum nft_dynset_ops</c> (nf_tables.h).</summary>
public enum NftDynamicOperation
{
    /// <summary><c>NFT_DYNSET_OP_ADD</c>: add it where it is not there.</summary>
    Add = 0,

    /// <summary><c>NFT_DYNSET_OP_UPDATE</c>: add it, or begin its time anew.</summary>
    Update = 1,

    /// <summary><c>NFT_DYNSET_OP_DELETE</c>: delete it.</summary>
    Delete = 2,
}
