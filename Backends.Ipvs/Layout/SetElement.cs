using ProxyFramework.KernelBackends;

namespace ProxyFramework.Backends.Ipvs.Layout;

/// <summary>An element of a set.</summary>
/// <param name="Set">Which set.</param>
/// <param name="Key">The frontend, or only an address.</param>
/// <param name="Source">For <see cref="SetKind.Allowed"/>: the sources.</param>
/// <param name="Mark">For <see cref="SetKind.Mark"/>: the mark.</param>
internal readonly record struct SetElement(SetId Set, FrontendKey Key, InetPrefix Source = default, uint Mark = 0)
{
    /// <summary>
    /// Whether it goes before the virtual servers that it is about: they are recognised by it, and no connection must reach one
    /// unmasqueraded. The others would be in the way of those that they replace.
    /// </summary>
    public bool GoesFirst => Set.Kind is not (SetKind.Mark or SetKind.Restricted or SetKind.Allowed);
}
