namespace ProxyFramework.Netlink.NfTables;

/// <summary>Where packets enter a base chain.</summary>
/// <param name="Type"><c>filter</c>, <c>nat</c> or <c>route</c>: one of the constants here.</param>
/// <param name="Hook">The place on a packet's way.</param>
/// <param name="Priority">The order among the chains there, lowest first; the standard ones are constants here (linux/netfilter_ipv4.h).</param>
public sealed record NftBaseChain(string Type, NftHook Hook, int Priority)
{
    /// <summary>Type <c>filter</c>.</summary>
    public const string Filter = "filter";

    /// <summary>Type <c>nat</c>: sees the first packet of each connection.</summary>
    public const string Nat = "nat";

    /// <summary>Type <c>route</c>: local packets that it changes are routed again.</summary>
    public const string Route = "route";

    /// <summary><c>NF_IP_PRI_RAW</c>: before connection tracking.</summary>
    public const int RawPriority = -300;

    /// <summary><c>NF_IP_PRI_MANGLE</c>.</summary>
    public const int ManglePriority = -150;

    /// <summary><c>NF_IP_PRI_NAT_DST</c>, <c>dstnat</c>.</summary>
    public const int DestinationNatPriority = -100;

    /// <summary><c>NF_IP_PRI_FILTER</c>.</summary>
    public const int FilterPriority = 0;

    /// <summary><c>NF_IP_PRI_NAT_SRC</c>, <c>srcnat</c>.</summary>
    public const int SourceNatPriority = 100;

    /// <summary>What happens to packets that no rule decides on.</summary>
    public NftPolicy Policy { get; init; } = NftPolicy.Accept;
}
