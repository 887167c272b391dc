using System.Collections.Immutable;
using System.Globalization;

namespace ProxyFramework;

/// <summary>How a service port is reached.</summary>
public enum FrontendKind : byte
{
    /// <summary><c>spec.clusterIPs[]</c>.</summary>
    ClusterIP,

    /// <summary><c>status.loadBalancer.ingress[].ip</c>.</summary>
    LoadBalancerIP,

    /// <summary><c>spec.externalIPs[]</c>.</summary>
    ExternalIP,

    /// <summary>
    /// <c>spec.ports[].nodePort</c>. <see cref="Frontend.Address"/> is unspecified: the frontend is reached at each of
    /// <see cref="NodeState.NodePortAddresses"/> of its family, so that a change of a node address is one change, not one a service.
    /// </summary>
    NodePort,
}

/// <summary>Where a connection to a frontend starts. What decides it is in <see cref="LocalPodDetection"/>.</summary>
public enum TrafficOrigin : byte
{
    /// <summary>Outside this node, or inside without being one of the others.</summary>
    Outside,

    /// <summary>A pod on this node, as <see cref="LocalPodDetection"/> tells.</summary>
    LocalPod,

    /// <summary>This node itself (a process in its own network namespace).</summary>
    Node,
}

/// <summary>Which of a service port's endpoint groups takes a connection.</summary>
public enum TrafficPolicy : byte
{
    /// <summary>The endpoints of the whole cluster, after topology: <see cref="ServicePort.Cluster"/>.</summary>
    Cluster,

    /// <summary>The endpoints on this node: <see cref="ServicePort.Local"/>.</summary>
    Local,
}

/// <summary>What a frontend does with connections of one origin.</summary>
/// <param name="Policy">The group whose verdict and endpoints apply.</param>
/// <param name="Masquerade">Whether the source address becomes one of this node's, so that replies come back through it.</param>
public readonly record struct Route(TrafficPolicy Policy, bool Masquerade);

/// <summary>
/// One address and port at which a service port is reached. No two service ports that a backend is given share one for the same
/// protocol: conflicts are resolved before (see <c>docs/decisions</c>).
/// </summary>
/// <param name="Kind">Where the address comes from.</param>
/// <param name="Address">The address; unspecified (<c>0.0.0.0</c>, <c>::</c>) for <see cref="FrontendKind.NodePort"/>.</param>
/// <param name="Port">The port, 1…65535.</param>
/// <param name="Outside">What happens to connections from outside.</param>
/// <param name="LocalPod">What happens to connections from pods on this node.</param>
/// <param name="Node">What happens to connections from the node itself.</param>
public readonly record struct Frontend(
    FrontendKind Kind, InetAddress Address, ushort Port, Route Outside, Route LocalPod, Route Node)
{
    /// <summary>
    /// The only source addresses that are let in, whatever the origin; everything else is dropped. The default array means that
    /// all are. The rule about a node's own packets (<c>loadBalancerSourceRanges</c>) is already in it.
    /// </summary>
    public ImmutableArray<InetPrefix> SourceRanges { get; init; }

    /// <summary>The route of one origin.</summary>
    public Route RouteFrom(TrafficOrigin origin) => origin switch
    {
        TrafficOrigin.LocalPod => LocalPod,
        TrafficOrigin.Node => Node,
        _ => Outside,
    };

    /// <summary>Equal by value, the source ranges included.</summary>
    public bool Equals(Frontend other) =>
        Kind == other.Kind && Port == other.Port && Address == other.Address
        && Outside == other.Outside && LocalPod == other.LocalPod && Node == other.Node
        && SourceRanges.IsDefault == other.SourceRanges.IsDefault
        && SourceRanges.AsSpan().SequenceEqual(other.SourceRanges.AsSpan());

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Kind, Address, Port);

    /// <summary>Kind, address and port.</summary>
    public override string ToString() => Address.IsIPv4
        ? string.Create(CultureInfo.InvariantCulture, $"{Kind} {Address}:{Port}")
        : string.Create(CultureInfo.InvariantCulture, $"{Kind} [{Address}]:{Port}");
}
