namespace ProxyFramework.Netlink.Conntrack;

/// <summary>What connection tracking knows about a connection: <c>enum ip_conntrack_status</c> (nf_conntrack_common.h).</summary>
[Flags]
public enum CtStatus : uint
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary><c>IPS_EXPECTED</c>: another connection announced it.</summary>
    Expected = 1 << 0,

    /// <summary><c>IPS_SEEN_REPLY</c>: packets went both ways.</summary>
    SeenReply = 1 << 1,

    /// <summary><c>IPS_ASSURED</c>: not forgotten early.</summary>
    Assured = 1 << 2,

    /// <summary><c>IPS_CONFIRMED</c>: in the table.</summary>
    Confirmed = 1 << 3,

    /// <summary><c>IPS_SRC_NAT</c>: its source is translated.</summary>
    SourceNat = 1 << 4,

    /// <summary><c>IPS_DST_NAT</c>: its destination is translated.</summary>
    DestinationNat = 1 << 5,
}
