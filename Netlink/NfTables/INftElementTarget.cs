namespace ProxyFramework.Netlink.NfTables;

/// <summary>Takes the elements of a set as they are dumped.</summary>
public interface INftElementTarget
{
    /// <summary>The dump begins, or begins again because the set changed meanwhile: forget what came before.</summary>
    void Begin();

    /// <summary>One element, valid during the call.</summary>
    void Add(NftElementView element);
}
