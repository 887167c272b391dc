namespace ProxyFramework.Netlink.NfTables;

/// <summary>Which address and link a routing question is about: <c>enum nft_fib_flags</c> (nf_tables.h).</summary>
[Flags]
public enum NftFibFlags
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary><c>NFTA_FIB_F_SADDR</c>: the source address.</summary>
    Source = 1,

    /// <summary><c>NFTA_FIB_F_DADDR</c>: the destination address.</summary>
    Destination = 2,

    /// <summary><c>NFTA_FIB_F_MARK</c>: with the packet's mark.</summary>
    Mark = 4,

    /// <summary><c>NFTA_FIB_F_IIF</c>: through the incoming interface only.</summary>
    IncomingInterface = 8,

    /// <summary><c>NFTA_FIB_F_OIF</c>: through the outgoing interface only.</summary>
    OutgoingInterface = 16,
}
