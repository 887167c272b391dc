using System.Globalization;

namespace ProxyFramework.Netlink.NfTables;

/// <summary>A change that the kernel refused, and with it the whole batch.</summary>
/// <param name="Kernel">What the kernel says. Message 0 stands for the batch as a whole.</param>
/// <param name="Set">The set whose element was refused.</param>
/// <param name="Element">
/// Which element of the batch was refused, counted from 0 in the order in which elements were added and deleted; null where the
/// kernel does not tell.
/// </param>
public sealed record NftError(NetlinkError Kernel, NftSet? Set, int? Element)
{
    /// <summary>One line for a log.</summary>
    public override string ToString() => Set is null
        ? Kernel.ToString()
        : string.Create(CultureInfo.InvariantCulture, $"{Kernel}; set {Set.Name}, element {(Element is { } element ? element : "unknown")}");
}
