using System.Collections.Immutable;

namespace ProxyFramework.Core;

/// <summary>What can be read of a running proxy, from any thread.</summary>
public interface IServiceProxyState
{
    /// <summary>The name of the backend in use; null before it is chosen.</summary>
    string? Mode { get; }

    /// <summary>The sync loop's state.</summary>
    SyncStatus Sync { get; }

    /// <summary>This node, as the view has it.</summary>
    NodeState Node { get; }

    /// <summary>Whether this node takes new connections from load balancers: it is neither being deleted nor marked for it.</summary>
    bool IsNodeEligible { get; }

    /// <summary>The number of service ports that the node view holds.</summary>
    int ServicePortCount { get; }

    /// <summary>A copy of all service ports of the node view. Costs what there is; for diagnosis, not for polling.</summary>
    ImmutableArray<ServicePort> SnapshotServicePorts();
}

/// <summary>How synchronisation stands. Immutable; replaced whole.</summary>
public sealed record SyncStatus
{
    /// <summary>Whether a full change set has been in force since the start.</summary>
    public bool HasSynced { get; init; }

    /// <summary>When a change set was last put in force, or found to be needless; null before the first.</summary>
    public DateTimeOffset? LastSynced { get; init; }

    /// <summary>Since when a change has been waiting to be put in force; null where none is.</summary>
    public DateTimeOffset? OldestPending { get; init; }

    /// <summary>Since when the backend has been busy with its present call; null where it is idle.</summary>
    public DateTimeOffset? BusySince { get; init; }

    /// <summary>Whether the present call has taken longer than the backend timeout.</summary>
    public bool IsBackendHung { get; init; }

    /// <summary>Why the last full synchronisation failed; null where it did not.</summary>
    public string? LastError { get; init; }

    /// <summary>Service ports that are not in force, with the reason; ordered by key.</summary>
    public ImmutableArray<ServicePortFailure> Failures { get; init; } = [];
}
