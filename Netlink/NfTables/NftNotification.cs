namespace ProxyFramework.Netlink.NfTables;

/// <summary>What nf_tables reports: the changes of a batch one by one, then the generation that they made.</summary>
public abstract record NftNotification
{
    private NftNotification()
    {
    }

    /// <summary>Notifications were lost: dump again what you keep.</summary>
    public sealed record Overrun : NftNotification;

    /// <summary>Something came, changed or went.</summary>
    /// <param name="Kind">What.</param>
    /// <param name="Deleted">Whether it went.</param>
    /// <param name="Family">The family of its table.</param>
    /// <param name="Table">Its table's name.</param>
    /// <param name="Name">Its name, or that of its chain or set; empty for a table.</param>
    /// <param name="PortId">The netlink port that committed it.</param>
    public sealed record Change(NftObjectKind Kind, bool Deleted, NftFamily Family, string Table, string Name, uint PortId) : NftNotification;

    /// <summary>All changes of a batch have been reported.</summary>
    /// <param name="Generation">The new generation, with the process that made it.</param>
    /// <param name="PortId">The netlink port that committed it.</param>
    public sealed record Committed(NftGeneration Generation, uint PortId) : NftNotification;
}
