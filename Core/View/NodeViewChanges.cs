using System.Collections.Immutable;

namespace ProxyFramework.Core.View;

/// <summary>What is different for this node since the last time that was asked. Immutable.</summary>
public sealed class NodeViewChanges
{
    /// <summary>Nothing is different.</summary>
    public static NodeViewChanges Empty { get; } = new();

    /// <summary>The service ports that changed, removals first; each key once, and before and after never equal.</summary>
    public ImmutableArray<ServicePortChange> ServicePorts { get; init; } = [];

    /// <summary>The node as it is now; null where it did not change.</summary>
    public NodeState? Node { get; init; }

    /// <summary>The <c>healthCheckNodePort</c> answers that changed; each service once.</summary>
    public ImmutableArray<ServiceHealthChange> HealthCheckNodePorts { get; init; } = [];

    /// <summary>The service ports of which other endpoints are to be checked, or in another way; each once.</summary>
    public ImmutableArray<CheckedEndpointsChange> HealthChecks { get; init; } = [];

    /// <summary>Whether nothing is different.</summary>
    public bool IsEmpty => ServicePorts.IsEmpty && Node is null && HealthCheckNodePorts.IsEmpty && HealthChecks.IsEmpty;
}
