using System.Collections.Frozen;
using System.Collections.Immutable;

namespace ProxyFramework;

/// <summary>
/// What this node must do for one port of one Service in one IP family, with every rule of the Kubernetes API already applied:
/// a backend translates it and decides nothing. Immutable; equal by value, so two equal ones need no work.
/// </summary>
public sealed class ServicePort : IEquatable<ServicePort>
{
    private static readonly IReadOnlyDictionary<string, string> NoOptions = FrozenDictionary<string, string>.Empty;

    /// <summary>What identifies it.</summary>
    public required ServicePortKey Key { get; init; }

    /// <summary>Where it is reached, at least one, ordered by kind, address and port.</summary>
    public required ImmutableArray<Frontend> Frontends { get; init; }

    /// <summary>The group that routes with <see cref="TrafficPolicy.Cluster"/> use; the same object as <see cref="Local"/> where no route does.</summary>
    public required EndpointGroup Cluster { get; init; }

    /// <summary>The group that routes with <see cref="TrafficPolicy.Local"/> use; the same object as <see cref="Cluster"/> where no route does.</summary>
    public required EndpointGroup Local { get; init; }

    /// <summary>
    /// Endpoints that take no new connections although they still serve (terminating, weight 0, preferred elsewhere by topology).
    /// Those of other nodes only where a route uses <see cref="TrafficPolicy.Cluster"/>.
    /// Given for UDP only, where connection tracking entries of endpoints in neither group and not here must be deleted;
    /// established TCP and SCTP connections are never cut, wherever they lead.
    /// </summary>
    public ImmutableArray<Endpoint> Draining { get; init; } = [];

    /// <summary>
    /// For how long since its last new connection a client address stays with its endpoint, in seconds 1…86400
    /// (<c>sessionAffinityConfig.clientIP.timeoutSeconds</c>); 0 is no affinity.
    /// </summary>
    public int AffinityTimeoutSeconds { get; init; }

    /// <summary>The scheduler's name where the Service asks for one (annotation <c>proxyframework.io/scheduler</c>); null for the mode's default.</summary>
    public string? Scheduler { get; init; }

    /// <summary>
    /// The Service's other annotations <c>proxyframework.io/…</c>, without the prefix, for the backend to honour or to refuse
    /// with a <see cref="ServicePortNotice"/>: never to ignore silently.
    /// </summary>
    public IReadOnlyDictionary<string, string> Options { get; init; } = NoOptions;

    /// <summary>
    /// When the latest change behind this state was made, as the annotation <c>endpoints.kubernetes.io/last-change-trigger-time</c>
    /// tells. Not part of equality: it is what programming latency is measured from.
    /// </summary>
    public DateTimeOffset? LastChangeTriggerTime { get; init; }

    /// <summary>The transport protocol, from <see cref="Key"/>.</summary>
    public TransportProtocol Protocol => Key.Protocol;

    /// <summary>The IP family, from <see cref="Key"/>.</summary>
    public IPFamily Family => Key.Family;

    /// <summary>The group of a policy.</summary>
    public EndpointGroup GroupFor(TrafficPolicy policy) => policy == TrafficPolicy.Local ? Local : Cluster;

    /// <inheritdoc/>
    public bool Equals(ServicePort? other) => ReferenceEquals(this, other)
        || (other is not null
            && Key == other.Key
            && AffinityTimeoutSeconds == other.AffinityTimeoutSeconds
            && Scheduler == other.Scheduler
            && Frontends.AsSpan().SequenceEqual(other.Frontends.AsSpan())
            && Cluster.Equals(other.Cluster)
            && Local.Equals(other.Local)
            && Draining.AsSpan().SequenceEqual(other.Draining.AsSpan())
            && SameOptions(Options, other.Options));

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as ServicePort);

    /// <inheritdoc/>
    public override int GetHashCode() => Key.GetHashCode();

    /// <summary>The key, the frontends and the groups, for logs.</summary>
    public override string ToString() => $"{Key} [{string.Join(", ", Frontends)}] → {Cluster}";

    private static bool SameOptions(IReadOnlyDictionary<string, string> left, IReadOnlyDictionary<string, string> right)
    {
        if (ReferenceEquals(left, right))
        {
            return true;
        }

        if (left.Count != right.Count)
        {
            return false;
        }

        foreach (var (name, value) in left)
        {
            if (!right.TryGetValue(name, out var other) || other != value)
            {
                return false;
            }
        }

        return true;
    }
}
