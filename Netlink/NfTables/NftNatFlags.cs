namespace ProxyFramework.Netlink.NfTables;

/// <summary>How a NAT rule chooses: <c>NF_NAT_RANGE_*</c> (linux/netfilter/nf_nat.h).</summary>
[Flags]
public enum NftNatFlags
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary><c>NF_NAT_RANGE_PROTO_RANDOM</c>, <c>random</c>: the port is chosen at random.</summary>
    Random = 4,

    /// <summary><c>NF_NAT_RANGE_PERSISTENT</c>, <c>persistent</c>: a client always gets the same address.</summary>
    Persistent = 8,

    /// <summary><c>NF_NAT_RANGE_PROTO_RANDOM_FULLY</c>, <c>fully-random</c>: the port is chosen at random for each connection.</summary>
    FullyRandom = 16,
}
