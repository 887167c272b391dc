using System.Collections.Immutable;

namespace ProxyFramework.Backends.Nftables.Layout;

/// <summary>Where a base chain hangs: the hook's number in <c>linux/netfilter.h</c> and the priority within it.</summary>
internal readonly record struct Hook(uint Number, int Priority)
{
    /// <summary><c>NF_INET_PRE_ROUTING</c> at <c>NF_IP_PRI_NAT_DST</c>.</summary>
    public static Hook Prerouting { get; } = new(0, -100);

    /// <summary><c>NF_INET_LOCAL_OUT</c> at <c>NF_IP_PRI_NAT_DST</c>.</summary>
    public static Hook Output { get; } = new(3, -100);

    /// <summary>
    /// <c>NF_INET_POST_ROUTING</c>, five before <c>NF_IP_PRI_NAT_SRC</c>: before a CNI plugin's own masquerading, for the first nat
    /// rule that applies to a connection ends it, and replies to service traffic must come back here.
    /// </summary>
    public static Hook Postrouting { get; } = new(4, 95);
}

/// <summary>A chain with its rules; with a hook it is a base chain of type nat.</summary>
internal sealed record Chain(string Name, Hook? Hook, ImmutableArray<ImmutableArray<Statement>> Rules);
