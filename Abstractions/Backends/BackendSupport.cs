using System.Collections.Immutable;

namespace ProxyFramework;

/// <summary>Whether a node can run a backend.</summary>
/// <param name="Missing">What is missing, one sentence each, with what to do about it; empty where the node can run it.</param>
/// <param name="Preference">
/// How good a choice it is where the operator leaves the choice (<c>--mode=auto</c>): the highest of the supported ones is taken.
/// 0 or less is never chosen so. The project's own: nftables 400, ipvs 300, iptables 200, userspace 100.
/// </param>
public sealed record BackendSupport(ImmutableArray<string> Missing, int Preference)
{
    /// <summary>Limits under which it runs nevertheless, one sentence each (a missing privilege, say).</summary>
    public ImmutableArray<string> Limits { get; init; } = [];

    /// <summary>
    /// Whether it serves node ports on loopback addresses itself, where <see cref="NodeState.NodePortAddresses"/> holds any; true unless
    /// set. Where it does not, it is never given such addresses: the framework has them served by the backend <c>userspace</c> beside
    /// it. For data paths in the kernel, which lets no packet leave for 127.0.0.0/8 or ::1 (KEP-6032), so that there is nothing to forward.
    /// </summary>
    public bool ServesLoopbackNodePorts { get; init; } = true;

    /// <summary>Whether nothing is missing.</summary>
    public bool IsSupported => Missing.IsDefaultOrEmpty;

    /// <summary>The node can run it.</summary>
    public static BackendSupport Supported(int preference) => new([], preference);

    /// <summary>The node cannot run it.</summary>
    public static BackendSupport NotSupported(params ImmutableArray<string> missing) => new(missing, 0);
}
