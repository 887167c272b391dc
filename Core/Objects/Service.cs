using System.Collections.Immutable;

namespace ProxyFramework.Core.Objects;

/// <summary><c>spec.type</c> of a Service.</summary>
public enum ServiceType : byte
{
    /// <summary>Reached at cluster IPs only; the API's default.</summary>
    ClusterIP,

    /// <summary>Also at a port of every node.</summary>
    NodePort,

    /// <summary>Also at the addresses of a load balancer.</summary>
    LoadBalancer,

    /// <summary>A DNS alias; not proxied.</summary>
    ExternalName,
}

/// <summary>A Service (<c>v1</c>), as far as the proxy uses it. Immutable; equal by value.</summary>
public sealed record Service
{
    /// <summary>Namespace and name.</summary>
    public required NamespacedName Name { get; init; }

    /// <summary><c>metadata.creationTimestamp</c>; <see cref="DateTimeOffset.MinValue"/> where it is absent.</summary>
    public DateTimeOffset CreationTimestamp { get; init; } = DateTimeOffset.MinValue;

    /// <summary>Label <c>service.kubernetes.io/service-proxy-name</c>; null where it is absent.</summary>
    public string? ProxyName { get; init; }

    /// <summary><c>spec.type</c>.</summary>
    public ServiceType Type { get; init; }

    /// <summary><c>spec.clusterIPs</c>, or <c>spec.clusterIP</c> where only that is set; empty for a headless Service (<c>None</c>).</summary>
    public ImmutableArray<InetAddress> ClusterIPs { get; init; } = [];

    /// <summary><c>spec.externalIPs</c>.</summary>
    public ImmutableArray<InetAddress> ExternalIPs { get; init; } = [];

    /// <summary><c>status.loadBalancer.ingress[].ip</c>, those with <c>ipMode: Proxy</c> left out.</summary>
    public ImmutableArray<InetAddress> LoadBalancerIPs { get; init; } = [];

    /// <summary><c>spec.loadBalancerSourceRanges</c>.</summary>
    public ImmutableArray<InetPrefix> LoadBalancerSourceRanges { get; init; } = [];

    /// <summary><c>spec.ports</c>.</summary>
    public ImmutableArray<ServicePortSpec> Ports { get; init; } = [];

    /// <summary><c>spec.internalTrafficPolicy</c>; Cluster where it is absent.</summary>
    public TrafficPolicy InternalTrafficPolicy { get; init; }

    /// <summary><c>spec.externalTrafficPolicy</c>; Cluster where it is absent.</summary>
    public TrafficPolicy ExternalTrafficPolicy { get; init; }

    /// <summary>
    /// <c>spec.sessionAffinityConfig.clientIP.timeoutSeconds</c> where <c>spec.sessionAffinity</c> is <c>ClientIP</c> (10800 where
    /// it is absent); 0 for no affinity.
    /// </summary>
    public int AffinityTimeoutSeconds { get; init; }

    /// <summary><c>spec.healthCheckNodePort</c>; 0 where it is absent.</summary>
    public ushort HealthCheckNodePort { get; init; }

    /// <summary>Annotations that start with <c>proxyframework.io/</c>, without that prefix, ordered by name; empty for most.</summary>
    public ImmutableArray<KeyValuePair<string, string>> Annotations { get; init; } = [];

    /// <summary>Equal by value, the contents of all arrays included.</summary>
    public bool Equals(Service? other) => ReferenceEquals(this, other)
        || (other is not null
            && Name == other.Name
            && CreationTimestamp == other.CreationTimestamp
            && ProxyName == other.ProxyName
            && Type == other.Type
            && InternalTrafficPolicy == other.InternalTrafficPolicy
            && ExternalTrafficPolicy == other.ExternalTrafficPolicy
            && AffinityTimeoutSeconds == other.AffinityTimeoutSeconds
            && HealthCheckNodePort == other.HealthCheckNodePort
            && ClusterIPs.AsSpan().SequenceEqual(other.ClusterIPs.AsSpan())
            && ExternalIPs.AsSpan().SequenceEqual(other.ExternalIPs.AsSpan())
            && LoadBalancerIPs.AsSpan().SequenceEqual(other.LoadBalancerIPs.AsSpan())
            && LoadBalancerSourceRanges.AsSpan().SequenceEqual(other.LoadBalancerSourceRanges.AsSpan())
            && Ports.AsSpan().SequenceEqual(other.Ports.AsSpan())
            && SameAnnotations(Annotations.AsSpan(), other.Annotations.AsSpan()));

    /// <inheritdoc/>
    public override int GetHashCode() => Name.GetHashCode();

    // A KeyValuePair compares its fields by reflection; this does not.
    private static bool SameAnnotations(
        ReadOnlySpan<KeyValuePair<string, string>> left, ReadOnlySpan<KeyValuePair<string, string>> right)
    {
        if (left.Length != right.Length)
        {
            return false;
        }

        for (var i = 0; i < left.Length; i++)
        {
            if (left[i].Key != right[i].Key || left[i].Value != right[i].Value)
            {
                return false;
            }
        }

        return true;
    }
}

/// <summary>An entry of <c>spec.ports</c>.</summary>
/// <param name="Name"><c>name</c>; empty for the only port.</param>
/// <param name="Protocol"><c>protocol</c>; TCP where it is absent.</param>
/// <param name="Port"><c>port</c>, 1…65535.</param>
/// <param name="NodePort"><c>nodePort</c>; 0 where there is none.</param>
public readonly record struct ServicePortSpec(string Name, TransportProtocol Protocol, ushort Port, ushort NodePort);
