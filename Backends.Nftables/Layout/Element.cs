using ProxyFramework.KernelBackends;

namespace ProxyFramework.Backends.Nftables.Layout;

/// <summary>What identifies an element: its set and its key. The fields that a kind of set does not have are default.</summary>
/// <param name="Set">The set or map.</param>
/// <param name="Frontend">The frontend; for <see cref="SetKind.ClusterIPs"/> and <see cref="SetKind.Hairpin"/> its address alone counts.</param>
/// <param name="Selector">The slot, or the id of an endpoint.</param>
/// <param name="Source">The range of sources in <see cref="SetKind.Allowed"/>.</param>
internal readonly record struct ElementKey(SetId Set, FrontendKey Frontend, uint Selector = 0, InetPrefix Source = default)
{
    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Set, Frontend.Address, (Frontend.Port << 16) + (int)Selector, Source);
}

/// <summary>What an element of a map leads to.</summary>
/// <param name="Address">The endpoint's address.</param>
/// <param name="Port">The endpoint's port.</param>
/// <param name="Id">The endpoint's id, where the map leads to that.</param>
internal readonly record struct ElementValue(InetAddress Address, ushort Port, uint Id = 0);

/// <summary>An element of a set or map.</summary>
internal readonly record struct Element(ElementKey Key, ElementValue Value = default);
