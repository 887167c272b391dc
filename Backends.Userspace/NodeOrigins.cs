using System.Collections.Frozen;
using System.Collections.Immutable;

namespace ProxyFramework.Backends.Userspace;

/// <summary>Tells where a connection starts. Immutable; replaced whole when the node or its interfaces change.</summary>
internal sealed class NodeOrigins
{
    private readonly NodeState _node;
    private readonly FrozenSet<InetAddress> _ownAddresses;

    public NodeOrigins(NodeState node, ImmutableArray<int> podInterfaces)
    {
        _node = node;
        _ownAddresses = node.InterfaceAddresses.ToFrozenSet();
        PodInterfaces = podInterfaces;
    }

    public NodeState Node => _node;

    /// <summary>The interfaces that pods of this node are behind, where the mode goes by interface; ordered.</summary>
    public ImmutableArray<int> PodInterfaces { get; }

    /// <summary>Whether the interface that a packet came in through matters.</summary>
    public bool GoesByInterface =>
        _node.LocalPods.Mode is LocalPodDetectionMode.BridgeInterface or LocalPodDetectionMode.InterfaceNamePrefix;

    /// <summary>The ranges that pods of this node are in, where the mode goes by address.</summary>
    public ImmutableArray<InetPrefix> PodRanges =>
        _node.LocalPods.Mode is LocalPodDetectionMode.ClusterCidr or LocalPodDetectionMode.NodeCidr ? _node.LocalPods.Ranges : [];

    public bool IsOwnAddress(InetAddress address) => address.IsLoopback || _ownAddresses.Contains(address);

    /// <summary>The origin of a connection.</summary>
    /// <param name="source">Its source address. One of the node's own cannot come from elsewhere: the kernel refuses it as a martian.</param>
    /// <param name="interfaceIndex">Where it came in; 0 where that is unknown or does not matter.</param>
    public TrafficOrigin Of(InetAddress source, int interfaceIndex)
    {
        if (IsOwnAddress(source))
        {
            return TrafficOrigin.Node;
        }

        var isPod = _node.LocalPods.Mode switch
        {
            LocalPodDetectionMode.ClusterCidr or LocalPodDetectionMode.NodeCidr => _node.LocalPods.ContainsAddress(source),
            LocalPodDetectionMode.BridgeInterface or LocalPodDetectionMode.InterfaceNamePrefix =>
                PodInterfaces.BinarySearch(interfaceIndex) >= 0,
            _ => false,
        };
        return isPod ? TrafficOrigin.LocalPod : TrafficOrigin.Outside;
    }
}
