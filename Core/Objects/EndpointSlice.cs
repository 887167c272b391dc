using System.Collections.Immutable;

namespace ProxyFramework.Core.Objects;

/// <summary>An EndpointSlice (<c>discovery.k8s.io/v1</c>), as far as the proxy uses it. Immutable; equal by value.</summary>
public sealed record EndpointSlice
{
    /// <summary>Namespace and name.</summary>
    public required NamespacedName Name { get; init; }

    /// <summary>Label <c>kubernetes.io/service-name</c>; null where it is absent. The Service is in the slice's namespace.</summary>
    public required string? ServiceName { get; init; }

    /// <summary>Whether the label <c>service.kubernetes.io/headless</c> is present.</summary>
    public bool IsHeadless { get; init; }

    /// <summary><c>addressType</c>; null for FQDN.</summary>
    public required IPFamily? AddressType { get; init; }

    /// <summary><c>ports</c>.</summary>
    public ImmutableArray<EndpointSlicePort> Ports { get; init; } = [];

    /// <summary><c>endpoints</c>.</summary>
    public ImmutableArray<SliceEndpoint> Endpoints { get; init; } = [];

    /// <summary>Annotation <c>endpoints.kubernetes.io/last-change-trigger-time</c>; null where it is absent or unreadable.</summary>
    public DateTimeOffset? LastChangeTriggerTime { get; init; }

    /// <summary>Equal by value, the contents of all arrays included.</summary>
    public bool Equals(EndpointSlice? other) => ReferenceEquals(this, other)
        || (other is not null
            && Name == other.Name
            && ServiceName == other.ServiceName
            && IsHeadless == other.IsHeadless
            && AddressType == other.AddressType
            && LastChangeTriggerTime == other.LastChangeTriggerTime
            && Ports.AsSpan().SequenceEqual(other.Ports.AsSpan())
            && Endpoints.AsSpan().SequenceEqual(other.Endpoints.AsSpan()));

    /// <inheritdoc/>
    public override int GetHashCode() => Name.GetHashCode();
}

/// <summary>An entry of <c>ports</c> of an EndpointSlice.</summary>
/// <param name="Name"><c>name</c>; empty where it is absent.</param>
/// <param name="Protocol"><c>protocol</c>; TCP where it is absent.</param>
/// <param name="Port"><c>port</c>; 0 where it is absent ("all ports"), which matches no service port.</param>
public readonly record struct EndpointSlicePort(string Name, TransportProtocol Protocol, ushort Port);

/// <summary><c>conditions</c> of an endpoint, with the API's defaults applied.</summary>
[Flags]
public enum EndpointConditions : byte
{
    /// <summary>None of the conditions.</summary>
    None = 0,

    /// <summary><c>ready</c>; absent is true.</summary>
    Ready = 1,

    /// <summary><c>serving</c>; absent is the value of <c>ready</c>.</summary>
    Serving = 2,

    /// <summary><c>terminating</c>; absent is false.</summary>
    Terminating = 4,
}

/// <summary>An entry of <c>endpoints</c> of an EndpointSlice.</summary>
/// <param name="Address"><c>addresses[0]</c>; the others are, per the API, interchangeable with it.</param>
/// <param name="Conditions"><c>conditions</c>.</param>
/// <param name="NodeName"><c>nodeName</c>; null where it is absent. Interned: many endpoints share few nodes.</param>
/// <param name="TargetName"><c>targetRef.name</c>; null where it is absent.</param>
/// <param name="Hints"><c>hints</c>; null where there are none. Interned.</param>
public readonly record struct SliceEndpoint(
    InetAddress Address, EndpointConditions Conditions, string? NodeName, string? TargetName, TopologyHints? Hints);

/// <summary><c>hints</c> of an endpoint: for whose traffic it is meant.</summary>
/// <param name="Zones"><c>forZones[].name</c>.</param>
/// <param name="Nodes"><c>forNodes[].name</c>.</param>
public sealed record TopologyHints(ImmutableArray<string> Zones, ImmutableArray<string> Nodes)
{
    /// <inheritdoc/>
    public bool Equals(TopologyHints? other) =>
        other is not null && Zones.AsSpan().SequenceEqual(other.Zones.AsSpan()) && Nodes.AsSpan().SequenceEqual(other.Nodes.AsSpan());

    /// <inheritdoc/>
    public override int GetHashCode() =>
        HashCode.Combine(Zones.Length, Zones.IsEmpty ? null : Zones[0], Nodes.Length, Nodes.IsEmpty ? null : Nodes[0]);
}
