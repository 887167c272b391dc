namespace ProxyFramework.Netlink.NfTables;

/// <summary>Where on a packet's way a base chain sits: <c>enum nf_inet_hooks</c> (linux/netfilter.h), for ip, ip6 and inet.</summary>
public enum NftHook
{
    /// <summary><c>NF_INET_PRE_ROUTING</c>.</summary>
    PreRouting = 0,

    /// <summary><c>NF_INET_LOCAL_IN</c>.</summary>
    Input = 1,

    /// <summary><c>NF_INET_FORWARD</c>.</summary>
    Forward = 2,

    /// <summary><c>NF_INET_LOCAL_OUT</c>.</summary>
    Output = 3,

    /// <summary><c>NF_INET_POST_ROUTING</c>.</summary>
    PostRouting = 4,
}
