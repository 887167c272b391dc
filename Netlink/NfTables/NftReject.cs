namespace ProxyFramework.Netlink.NfTables;

/// <summary>What a rejected sender is told.</summary>
public enum NftReject
{
    /// <summary><c>reject with icmp port-unreachable</c> (ip), <c>icmpv6 port-unreachable</c> (ip6), <c>icmpx port-unreachable</c> (inet).</summary>
    PortUnreachable,

    /// <summary>No route: <c>icmp net-unreachable</c>, <c>icmpv6 no-route</c>, <c>icmpx no-route</c>.</summary>
    NoRoute,

    /// <summary>Prohibited: <c>icmp admin-prohibited</c>, <c>icmpv6 admin-prohibited</c>, <c>icmpx admin-prohibited</c>.</summary>
    Prohibited,

    /// <summary><c>reject with tcp reset</c>; only for TCP packets.</summary>
    TcpReset,
}
