using ProxyFramework.Core.Sync;
using ProxyFramework.Core.View;

namespace ProxyFramework.Core;

/// <summary>The options, valid ones, as the parts want them.</summary>
internal static class ServiceProxyOptionsResolution
{
    public static NodeViewOptions ForNodeView(this ServiceProxyOptions options) => new()
    {
        NodeName = options.EffectiveNodeName(),
        Zone = options.Zone,
        NodePortAddresses = NodePortAddressSelection.Parse(options.NodePortAddresses, out _),
        DetectLocalMode = options.DetectLocalMode,
        ClusterCidrs = [.. options.ClusterCidr.Select(cidr => InetPrefix.Parse(cidr))],
        InterfaceName = options.DetectLocalMode switch
        {
            LocalPodDetectionMode.BridgeInterface => options.PodBridgeInterface,
            LocalPodDetectionMode.InterfaceNamePrefix => options.PodInterfaceNamePrefix,
            _ => "",
        },
        MasqueradeAll = options.MasqueradeAll,
        ServiceProxyName = options.ServiceProxyName,
    };

    public static SyncLoopOptions ForSyncLoop(this ServiceProxyOptions options) => new()
    {
        MinSyncPeriod = options.MinSyncPeriod,
        MaxSyncDelay = options.MaxSyncDelay,
        SyncPeriod = options.SyncPeriod,
        BackendTimeout = options.BackendTimeout,
        ShutdownGrace = options.ShutdownTimeout / 2,
    };
}
