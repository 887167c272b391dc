using System.Collections.Immutable;

namespace ProxyFramework;

/// <summary>What happens to a new connection.</summary>
public enum Verdict : byte
{
    /// <summary>It goes to one of the group's endpoints.</summary>
    Forward,

    /// <summary>It is refused so that the client knows at once: TCP reset, or ICMP port unreachable.</summary>
    Reject,

    /// <summary>It is discarded without an answer, so that a load balancer notices and clients retry elsewhere.</summary>
    Drop,
}

/// <summary>The endpoints that one traffic policy leaves, and what to do with a connection. Immutable; equal by value.</summary>
public sealed class EndpointGroup : IEquatable<EndpointGroup>
{
    private EndpointGroup(Verdict verdict, ImmutableArray<Endpoint> endpoints)
    {
        Verdict = verdict;
        Endpoints = endpoints;
    }

    /// <summary>The group of a service that has no endpoint anywhere.</summary>
    public static EndpointGroup Reject { get; } = new(Verdict.Reject, []);

    /// <summary>The group of a Local policy whose endpoints are all on other nodes.</summary>
    public static EndpointGroup Drop { get; } = new(Verdict.Drop, []);

    /// <summary>What happens to a new connection: <see cref="Verdict.Forward"/> exactly where there are endpoints.</summary>
    public Verdict Verdict { get; }

    /// <summary>The endpoints that take new connections, ordered by address and port, without duplicates.</summary>
    public ImmutableArray<Endpoint> Endpoints { get; }

    /// <summary>A group that forwards.</summary>
    /// <param name="endpoints">At least one endpoint, ordered by address and port, without duplicates.</param>
    /// <exception cref="ArgumentException">There is none.</exception>
    public static EndpointGroup Forward(ImmutableArray<Endpoint> endpoints) => endpoints.IsDefaultOrEmpty
        ? throw new ArgumentException("a group that forwards has endpoints", nameof(endpoints))
        : new(Verdict.Forward, endpoints);

    /// <inheritdoc/>
    public bool Equals(EndpointGroup? other) => ReferenceEquals(this, other)
        || (other is not null && Verdict == other.Verdict && Endpoints.AsSpan().SequenceEqual(other.Endpoints.AsSpan()));

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as EndpointGroup);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Verdict, Endpoints.Length, Endpoints.IsEmpty ? default : Endpoints[0]);

    /// <summary>The endpoints, or the verdict where there are none.</summary>
    public override string ToString() => Verdict == Verdict.Forward ? string.Join(", ", Endpoints) : Verdict.ToString();
}
