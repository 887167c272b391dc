namespace ProxyFramework.Backends.Nftables.Layout;

/// <summary>Orders class sets so that the rules that look them up have an order that stays: small groups, which most services have, first.</summary>
internal sealed class ClassOrder : IComparer<SetId>
{
    /// <inheritdoc/>
    public int Compare(SetId x, SetId y) => Key(x).CompareTo(Key(y));

    private static (bool, TrafficPolicy, int, ushort, SlotSelector) Key(SetId id) =>
        (id.IsNodePort, id.Policy, id.Class.AffinitySeconds, id.Class.Slots, id.Class.Selector);
}
