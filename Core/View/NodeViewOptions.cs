using System.Collections.Immutable;

namespace ProxyFramework.Core.View;

/// <summary>The part of <see cref="ServiceProxyOptions"/> that the node view needs, read and checked. Immutable.</summary>
public sealed record NodeViewOptions
{
    /// <summary>The Node object's name; endpoints whose <c>nodeName</c> it is are local.</summary>
    public required string NodeName { get; init; }

    /// <summary>The zone of this node where no Node object tells it; null for none.</summary>
    public string? Zone { get; init; }

    /// <summary>Which of this machine's addresses serve node ports.</summary>
    public NodePortAddressSelection NodePortAddresses { get; init; } = NodePortAddressSelection.Default;

    /// <summary>How pods of this node are told from the rest.</summary>
    public LocalPodDetectionMode DetectLocalMode { get; init; }

    /// <summary>The pods' ranges for <see cref="LocalPodDetectionMode.ClusterCidr"/>.</summary>
    public ImmutableArray<InetPrefix> ClusterCidrs { get; init; } = [];

    /// <summary>
    /// The bridge's name for <see cref="LocalPodDetectionMode.BridgeInterface"/>, the start of the name for
    /// <see cref="LocalPodDetectionMode.InterfaceNamePrefix"/>; otherwise empty.
    /// </summary>
    public string InterfaceName { get; init; } = "";

    /// <summary>Whether traffic to cluster IPs is always masqueraded.</summary>
    public bool MasqueradeAll { get; init; }

    /// <summary>Only Services whose label <c>service.kubernetes.io/service-proxy-name</c> has this value are proxied; null for those without it.</summary>
    public string? ServiceProxyName { get; init; }

    /// <summary>The health check of Services that ask for none; null for none.</summary>
    public string? DefaultHealthCheck { get; init; }
}
