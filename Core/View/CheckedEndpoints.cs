using System.Collections.Immutable;

namespace ProxyFramework.Core.View;

/// <summary>Which endpoints of a service port are to be checked, and how. Immutable; equal by value.</summary>
/// <param name="Check">The choice, <c>http; path=/healthz</c>.</param>
/// <param name="Endpoints">Those that Kubernetes calls ready, ordered by address and port.</param>
public sealed record CheckedEndpoints(string Check, ImmutableArray<(InetAddress Address, ushort Port)> Endpoints)
{
    /// <inheritdoc/>
    public bool Equals(CheckedEndpoints? other) =>
        other is not null && Check == other.Check && Endpoints.AsSpan().SequenceEqual(other.Endpoints.AsSpan());

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Check, Endpoints.Length);
}

/// <summary>A change of what is to be checked.</summary>
/// <param name="Key">The service port.</param>
/// <param name="After">What is to be checked now; null for nothing.</param>
public readonly record struct CheckedEndpointsChange(ServicePortKey Key, CheckedEndpoints? After);
