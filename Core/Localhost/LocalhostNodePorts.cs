using System.Collections.Immutable;

namespace ProxyFramework.Core.Localhost;

/// <summary>What of a node and of its service ports is about node ports on loopback addresses, and what is left without them.</summary>
internal static class LocalhostNodePorts
{
    /// <summary>Whether there are to be any: the operator asked for them, by <c>localhost</c> or by a loopback range.</summary>
    public static bool AreWanted(NodeState node) => node.NodePortAddresses.Any(static address => address.IsLoopback);

    /// <summary>The node without them; the same object where it has none.</summary>
    public static NodeState Without(NodeState node) => AreWanted(node)
        ? node with { NodePortAddresses = [.. node.NodePortAddresses.Where(static address => !address.IsLoopback)] }
        : node;

    /// <summary>The node with no other node ports.</summary>
    public static NodeState Only(NodeState node) =>
        node with { NodePortAddresses = [.. node.NodePortAddresses.Where(static address => address.IsLoopback)] };

    /// <summary>Whether a service port has a node port.</summary>
    public static bool Has(ServicePort? service) => service is not null && service.Frontends.Any(IsNodePort);

    /// <summary>Whether a service port is to be reached on a loopback address of this node.</summary>
    public static bool Has(ServicePort? service, NodeState node) =>
        Has(service) && node.NodePortAddresses.Any(address => address.IsLoopback && address.Family == service!.Family);

    /// <summary>A service port reduced to its node ports; null where it has none.</summary>
    public static ServicePort? Of(ServicePort service)
    {
        ImmutableArray<Frontend> nodePorts = [.. service.Frontends.Where(IsNodePort)];
        if (nodePorts.IsEmpty)
        {
            return null;
        }

        // A group that no route uses any more is the other one, so that its changes are none.
        var (usesCluster, usesLocal) = (Uses(nodePorts, TrafficPolicy.Cluster), Uses(nodePorts, TrafficPolicy.Local));
        return new ServicePort
        {
            Key = service.Key,
            Frontends = nodePorts,
            Cluster = usesCluster ? service.Cluster : service.Local,
            Local = usesLocal ? service.Local : service.Cluster,
            Draining = service.Draining,
            AffinityTimeoutSeconds = service.AffinityTimeoutSeconds,
            Scheduler = service.Scheduler,
            Options = service.Options,
            LastChangeTriggerTime = service.LastChangeTriggerTime,
        };
    }

    private static bool IsNodePort(Frontend frontend) => frontend.Kind == FrontendKind.NodePort;

    private static bool Uses(ImmutableArray<Frontend> frontends, TrafficPolicy policy) => frontends.Any(frontend =>
        frontend.Outside.Policy == policy || frontend.LocalPod.Policy == policy || frontend.Node.Policy == policy);
}
