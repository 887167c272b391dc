using System.Collections.Immutable;
using ProxyFramework.Core.Objects;

namespace ProxyFramework.Core.View;

/// <summary>What the service ports depend on besides their own objects. Immutable; replaced whole.</summary>
/// <param name="Zone">This node's zone; null where it is not known.</param>
/// <param name="LocalPods">How pods of this node are recognised.</param>
/// <param name="DetectsIPv4Pods">Whether they can be told from the rest in IPv4.</param>
/// <param name="DetectsIPv6Pods">Whether they can be told from the rest in IPv6.</param>
internal sealed record NodeFacts(string? Zone, LocalPodDetection LocalPods, bool DetectsIPv4Pods, bool DetectsIPv6Pods)
{
    /// <summary>The facts, from the configuration and the Node object where there is one.</summary>
    public static NodeFacts Of(NodeViewOptions options, Node? node)
    {
        var detection = options.DetectLocalMode switch
        {
            LocalPodDetectionMode.None => LocalPodDetection.None,
            LocalPodDetectionMode.ClusterCidr => ByRange(LocalPodDetectionMode.ClusterCidr, options.ClusterCidrs),
            LocalPodDetectionMode.NodeCidr => ByRange(LocalPodDetectionMode.NodeCidr, node?.PodCidrs ?? []),
            var mode => new LocalPodDetection { Mode = mode, InterfaceName = options.InterfaceName },
        };
        return new NodeFacts(node?.Zone ?? options.Zone, detection, Detects(detection, IPFamily.IPv4), Detects(detection, IPFamily.IPv6));
    }

    public bool DetectsPods(IPFamily family) => family == IPFamily.IPv4 ? DetectsIPv4Pods : DetectsIPv6Pods;

    /// <summary>Whether every service port comes out the same under both.</summary>
    public bool IsSameForServices(NodeFacts other) =>
        Zone == other.Zone && DetectsIPv4Pods == other.DetectsIPv4Pods && DetectsIPv6Pods == other.DetectsIPv6Pods;

    private static LocalPodDetection ByRange(LocalPodDetectionMode mode, ImmutableArray<InetPrefix> ranges) =>
        new() { Mode = mode, Ranges = [.. ranges.Distinct().Order(PrefixOrder.Instance)] };

    // With ranges of one family only, pods of the other cannot be told from the rest: as without detection, there nothing is masqueraded.
    private static bool Detects(LocalPodDetection detection, IPFamily family) => detection.Mode switch
    {
        LocalPodDetectionMode.None => false,
        LocalPodDetectionMode.BridgeInterface or LocalPodDetectionMode.InterfaceNamePrefix => true,
        _ => detection.Ranges.Any(range => range.Family == family),
    };
}
