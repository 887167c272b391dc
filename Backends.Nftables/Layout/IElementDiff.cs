namespace ProxyFramework.Backends.Nftables.Layout;

/// <summary>What has to be deleted and added for one service port.</summary>
internal interface IElementDiff
{
    /// <summary>
    /// Adds the elements of a change. A key that is deleted and added again gets another value, which one transaction makes a
    /// replacement without a moment in between.
    /// </summary>
    void Compute(in ServicePortChange change, List<Element> deletions, List<Element> additions);
}
