using System.Collections.Immutable;

namespace ProxyFramework.Core.Objects;

/// <summary>A Node (<c>v1</c>), as far as the proxy uses it. Immutable; equal by value.</summary>
public sealed record Node
{
    /// <summary>The name.</summary>
    public required string Name { get; init; }

    /// <summary>Label <c>topology.kubernetes.io/zone</c>; null where it is absent.</summary>
    public string? Zone { get; init; }

    /// <summary><c>status.addresses</c> of type InternalIP, then those of type ExternalIP, in the order given.</summary>
    public ImmutableArray<InetAddress> Addresses { get; init; } = [];

    /// <summary><c>spec.podCIDRs</c>, or <c>spec.podCIDR</c> where only that is set.</summary>
    public ImmutableArray<InetPrefix> PodCidrs { get; init; } = [];

    /// <summary>Whether <c>metadata.deletionTimestamp</c> is set.</summary>
    public bool IsBeingDeleted { get; init; }

    /// <summary>Whether the taint <c>ToBeDeletedByClusterAutoscaler</c> is present.</summary>
    public bool IsToBeDeletedByAutoscaler { get; init; }

    /// <summary>Equal by value, the contents of all arrays included.</summary>
    public bool Equals(Node? other) => ReferenceEquals(this, other)
        || (other is not null
            && Name == other.Name
            && Zone == other.Zone
            && IsBeingDeleted == other.IsBeingDeleted
            && IsToBeDeletedByAutoscaler == other.IsToBeDeletedByAutoscaler
            && Addresses.AsSpan().SequenceEqual(other.Addresses.AsSpan())
            && PodCidrs.AsSpan().SequenceEqual(other.PodCidrs.AsSpan()));

    /// <inheritdoc/>
    public override int GetHashCode() => Name.GetHashCode(StringComparison.Ordinal);
}
