namespace ProxyFramework.Netlink.NfTables;

/// <summary>What packet metadata a rule reads or writes: <c>enum nft_meta_keys</c> (nf_tables.h). Numbers are in host order.</summary>
public enum NftMeta
{
    /// <summary><c>NFT_META_PROTOCOL</c>: the Ethernet protocol, 2 bytes in network order.</summary>
    Protocol = 1,

    /// <summary><c>NFT_META_PRIORITY</c>: the packet's priority for queueing, 4 bytes.</summary>
    Priority = 2,

    /// <summary><c>NFT_META_MARK</c>: the packet mark, 4 bytes.</summary>
    Mark = 3,

    /// <summary><c>NFT_META_IIF</c>: the incoming interface's index, 4 bytes.</summary>
    IncomingIndex = 4,

    /// <summary><c>NFT_META_OIF</c>: the outgoing interface's index, 4 bytes.</summary>
    OutgoingIndex = 5,

    /// <summary><c>NFT_META_IIFNAME</c>: the incoming interface's name, 16 bytes.</summary>
    IncomingName = 6,

    /// <summary><c>NFT_META_OIFNAME</c>: the outgoing interface's name, 16 bytes.</summary>
    OutgoingName = 7,

    /// <summary><c>NFT_META_NFPROTO</c>: the family, 1 byte, as <see cref="NftFamily"/>.</summary>
    Family = 15,

    /// <summary><c>NFT_META_L4PROTO</c>: the transport protocol, 1 byte.</summary>
    TransportProtocol = 16,

    /// <summary><c>NFT_META_PKTTYPE</c>: to this host, broadcast…, 1 byte.</summary>
    PacketType = 19,
}
