using System.Collections.Immutable;

namespace ProxyFramework;

/// <summary>A service port that could not be programmed. It is tried again, later and later.</summary>
/// <param name="Key">Which one.</param>
/// <param name="Reason">Why, for the operator: the object, the field or the address, and what the system said.</param>
public readonly record struct ServicePortFailure(ServicePortKey Key, string Reason);

/// <summary>Something the operator should know of a service port that was programmed: a scheduler replaced by the default, an option not honoured.</summary>
/// <param name="Key">Which one.</param>
/// <param name="Message">What was asked for, what was done instead, and why.</param>
public readonly record struct ServicePortNotice(ServicePortKey Key, string Message);

/// <summary>How a change set went. Everything that is not named as failed is in force.</summary>
public sealed record SyncResult
{
    /// <summary>Everything is in force.</summary>
    public static SyncResult Success { get; } = new();

    /// <summary>What is not in force, each key at most once.</summary>
    public ImmutableArray<ServicePortFailure> Failures { get; init; } = [];

    /// <summary>What is in force but not quite as asked for.</summary>
    public ImmutableArray<ServicePortNotice> Notices { get; init; } = [];
}
