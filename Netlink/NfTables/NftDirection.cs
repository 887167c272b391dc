namespace ProxyFramework.Netlink.NfTables;

/// <summary>The direction of a connection whose addresses are read: <c>enum ip_conntrack_dir</c>.</summary>
public enum NftDirection : byte
{
    /// <summary>From who began it.</summary>
    Original = 0,

    /// <summary>The replies.</summary>
    Reply = 1,
}
