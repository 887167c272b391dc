namespace ProxyFramework.Netlink.NfTables;

/// <summary>Where in a packet bytes are read: <c>enum nft_payload_bases</c> (nf_tables.h).</summary>
public enum NftPayloadBase
{
    /// <summary><c>NFT_PAYLOAD_LL_HEADER</c>.</summary>
    LinkHeader = 0,

    /// <summary><c>NFT_PAYLOAD_NETWORK_HEADER</c>.</summary>
    NetworkHeader = 1,

    /// <summary><c>NFT_PAYLOAD_TRANSPORT_HEADER</c>.</summary>
    TransportHeader = 2,
}
