namespace ProxyFramework.Netlink.NfTables;

/// <summary>What a notification of nf_tables is about.</summary>
public enum NftObjectKind
{
    /// <summary>A table.</summary>
    Table,

    /// <summary>A chain.</summary>
    Chain,

    /// <summary>A rule; the name is its chain's.</summary>
    Rule,

    /// <summary>A set or map.</summary>
    Set,

    /// <summary>Elements; the name is their set's.</summary>
    Element,

    /// <summary>A stateful object, such as a named counter.</summary>
    Object,

    /// <summary>A flow table.</summary>
    FlowTable,
}
