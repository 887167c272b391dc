namespace ProxyFramework.Netlink.NfTables;

/// <summary>What a rule reads of a connection or writes to it: <c>enum nft_ct_keys</c> (nf_tables.h). Numbers are in host order.</summary>
public enum NftCt
{
    /// <summary><c>NFT_CT_STATE</c>: 4 bytes; 1 invalid, 2 established, 4 related, 8 new, 64 untracked.</summary>
    State = 0,

    /// <summary><c>NFT_CT_DIRECTION</c>: 1 byte; 0 original, 1 reply.</summary>
    Direction = 1,

    /// <summary><c>NFT_CT_STATUS</c>: 4 bytes of <c>IPS_*</c>; 16 source NAT, 32 destination NAT.</summary>
    Status = 2,

    /// <summary><c>NFT_CT_MARK</c>: the connection mark, 4 bytes.</summary>
    Mark = 3,

    /// <summary><c>NFT_CT_PROTO_DST</c>: the destination port, 2 bytes in network order; needs a direction.</summary>
    DestinationPort = 12,

    /// <summary><c>NFT_CT_DST_IP</c>: the IPv4 destination, 4 bytes; needs a direction.</summary>
    IPv4Destination = 20,

    /// <summary><c>NFT_CT_SRC_IP</c>: the IPv4 source, 4 bytes; needs a direction.</summary>
    IPv4Source = 19,

    /// <summary><c>NFT_CT_SRC_IP6</c>: the IPv6 source, 16 bytes; needs a direction.</summary>
    IPv6Source = 21,

    /// <summary><c>NFT_CT_DST_IP6</c>: the IPv6 destination, 16 bytes; needs a direction.</summary>
    IPv6Destination = 22,
}
