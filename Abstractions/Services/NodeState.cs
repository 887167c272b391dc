using System.Collections.Immutable;

namespace ProxyFramework;

/// <summary>How a pod of this node is told from everything else (kube-proxy's <c>detectLocalMode</c>).</summary>
public enum LocalPodDetectionMode : byte
{
    /// <summary>It is not: no traffic counts as coming from a pod of this node.</summary>
    None,

    /// <summary><c>ClusterCIDR</c>: a source address in the cluster's pod ranges. Pods of other nodes count as well.</summary>
    ClusterCidr,

    /// <summary><c>NodeCIDR</c>: a source address in this node's pod ranges (<c>Node spec.podCIDRs</c>).</summary>
    NodeCidr,

    /// <summary><c>BridgeInterface</c>: traffic that comes in through one bridge.</summary>
    BridgeInterface,

    /// <summary><c>InterfaceNamePrefix</c>: traffic that comes in through an interface whose name starts so.</summary>
    InterfaceNamePrefix,
}

/// <summary>How <see cref="TrafficOrigin.LocalPod"/> is recognised. Immutable; equal by value.</summary>
public sealed record LocalPodDetection
{
    /// <summary>No traffic counts as coming from a pod of this node.</summary>
    public static LocalPodDetection None { get; } = new();

    /// <summary>What is looked at.</summary>
    public LocalPodDetectionMode Mode { get; init; }

    /// <summary>The ranges of both families for <see cref="LocalPodDetectionMode.ClusterCidr"/> and <see cref="LocalPodDetectionMode.NodeCidr"/>, ordered.</summary>
    public ImmutableArray<InetPrefix> Ranges { get; init; } = [];

    /// <summary>
    /// The bridge's name for <see cref="LocalPodDetectionMode.BridgeInterface"/>, the start of the name for
    /// <see cref="LocalPodDetectionMode.InterfaceNamePrefix"/>; otherwise empty.
    /// </summary>
    public string InterfaceName { get; init; } = "";

    /// <summary>Whether a connection from this address counts, where the mode goes by address.</summary>
    public bool ContainsAddress(InetAddress source)
    {
        foreach (var range in Ranges)
        {
            if (range.Contains(source))
            {
                return true;
            }
        }

        return false;
    }

    /// <inheritdoc/>
    public bool Equals(LocalPodDetection? other) => other is not null && Mode == other.Mode && InterfaceName == other.InterfaceName
        && Ranges.AsSpan().SequenceEqual(other.Ranges.AsSpan());

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Mode, InterfaceName, Ranges.Length);
}

/// <summary>What a backend needs to know of the node that is the same for all services. Immutable; equal by value.</summary>
public sealed record NodeState
{
    /// <summary>A node of which nothing is known.</summary>
    public static NodeState Unknown { get; } = new();

    /// <summary>The Node object's name.</summary>
    public string Name { get; init; } = "";

    /// <summary>
    /// The addresses, of both families, at which node ports are reached: those of this machine that <c>--nodeport-addresses</c>
    /// selects. Loopback addresses are in it only where the operator asked for localhost node ports. Ordered, without duplicates.
    /// </summary>
    public ImmutableArray<InetAddress> NodePortAddresses { get; init; } = [];

    /// <summary>All addresses of this machine's interfaces, of both families, loopback included. Ordered, without duplicates.</summary>
    public ImmutableArray<InetAddress> InterfaceAddresses { get; init; } = [];

    /// <summary>How traffic from this node's pods is recognised.</summary>
    public LocalPodDetection LocalPods { get; init; } = LocalPodDetection.None;

    /// <inheritdoc/>
    public bool Equals(NodeState? other) => other is not null && Name == other.Name && LocalPods == other.LocalPods
        && NodePortAddresses.AsSpan().SequenceEqual(other.NodePortAddresses.AsSpan())
        && InterfaceAddresses.AsSpan().SequenceEqual(other.InterfaceAddresses.AsSpan());

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Name, LocalPods, NodePortAddresses.Length, InterfaceAddresses.Length);
}
