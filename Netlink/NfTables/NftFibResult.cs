namespace ProxyFramework.Netlink.NfTables;

/// <summary>What a rule asks the routing tables: <c>enum nft_fib_result</c> (nf_tables.h).</summary>
public enum NftFibResult
{
    /// <summary><c>NFT_FIB_RESULT_OIF</c>: the outgoing interface's index.</summary>
    OutgoingIndex = 1,

    /// <summary><c>NFT_FIB_RESULT_OIFNAME</c>: the outgoing interface's name.</summary>
    OutgoingName = 2,

    /// <summary><c>NFT_FIB_RESULT_ADDRTYPE</c>: the address's type, 4 bytes in host order, as <see cref="Route.RouteType"/>.</summary>
    AddressType = 3,
}
