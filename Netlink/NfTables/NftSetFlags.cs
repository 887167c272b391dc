namespace ProxyFramework.Netlink.NfTables;

/// <summary><c>enum nft_set_flags</c> (linux/netfilter/nf_tables.h).</summary>
[Flags]
public enum NftSetFlags : uint
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary><c>NFT_SET_ANONYMOUS</c>: belongs to one rule.</summary>
    Anonymous = 0x1,

    /// <summary><c>NFT_SET_CONSTANT</c>: does not change while a rule uses it.</summary>
    Constant = 0x2,

    /// <summary><c>NFT_SET_INTERVAL</c>: holds intervals.</summary>
    Interval = 0x4,

    /// <summary><c>NFT_SET_MAP</c>: a key has data.</summary>
    Map = 0x8,

    /// <summary><c>NFT_SET_TIMEOUT</c>: elements may expire.</summary>
    Timeout = 0x10,

    /// <summary><c>NFT_SET_EVAL</c>, <c>dynamic</c>: rules may change it.</summary>
    Dynamic = 0x20,

    /// <summary><c>NFT_SET_OBJECT</c>: data are stateful objects.</summary>
    Object = 0x40,

    /// <summary><c>NFT_SET_CONCAT</c>: intervals over several fields.</summary>
    Concatenation = 0x80,

    /// <summary><c>NFT_SET_EXPR</c>: elements carry expressions, such as counters.</summary>
    Expression = 0x100,
}
