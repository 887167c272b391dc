using System.Collections.Immutable;

namespace ProxyFramework;

/// <summary>One service port's way from what the backend last put in force to what is wanted now. At least one of the two is set.</summary>
/// <param name="Before">What this backend last put in force in this run; null if nothing, or if that is unknown after a failure.</param>
/// <param name="After">What is wanted; null to remove it.</param>
public readonly record struct ServicePortChange(ServicePort? Before, ServicePort? After)
{
    /// <summary>Which service port changes.</summary>
    public ServicePortKey Key => (After ?? Before ?? throw new InvalidOperationException("a change has a before or an after")).Key;
}

/// <summary>What a backend is to make true. Valid until the returned task of <see cref="IBackend.ApplyAsync"/> completes.</summary>
public sealed class ServiceChangeSet
{
    /// <summary>
    /// Whether the backend must make everything agree with <see cref="State"/>, and remove what it finds of its own and does not
    /// know: at start, after drift, after a failure that was not localised, and now and then. <see cref="Changes"/> then holds every
    /// service port of <see cref="State"/>, and removals, with no <see cref="ServicePortChange.Before"/> that can be relied on.
    /// </summary>
    public required bool IsFull { get; init; }

    /// <summary>The service ports that change, removals first; each key once.</summary>
    public required ImmutableArray<ServicePortChange> Changes { get; init; }

    /// <summary>The complete desired state, these changes included.</summary>
    public required IReadOnlyDictionary<ServicePortKey, ServicePort> State { get; init; }

    /// <summary>The node as it is now.</summary>
    public required NodeState Node { get; init; }

    /// <summary>The node as it was in the last change set; the same object as <see cref="Node"/> where nothing changed.</summary>
    public required NodeState PreviousNode { get; init; }
}
