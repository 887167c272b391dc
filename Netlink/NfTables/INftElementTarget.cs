namespace ProxyFramework.Netlink.NfTables;

/// <summary>Takes the elements of a set as they are dumped.</summary>
public interface INftElementTarget
{
    /// <summary>The dump begins, or begins again because the set changed meanwhile: forget what came before.</summary>
    void Begin();

    /// <summary>One element, valid during the call.</summary>
    /// <returns>
    /// False where this element came before. While the kernel enlarges the hash table of a set (for a moment after many elements
    /// were added to one without <see cref="NftSet.Size"/>), a dump has elements twice, and as many others not at all, without
    /// saying so (nft_rhash_walk() counts what it has sent). It then begins again.
    /// </returns>
    bool Add(NftElementView element);
}
