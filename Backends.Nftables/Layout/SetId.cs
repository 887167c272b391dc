using System.Globalization;
using System.Text.RegularExpressions;

namespace ProxyFramework.Backends.Nftables.Layout;

/// <summary>What a set or map of our tables holds.</summary>
internal enum SetKind : byte
{
    /// <summary>Frontends whose group has a certain number of slots, selector and affinity.</summary>
    Class,

    /// <summary>Frontends whose connections are refused with an answer.</summary>
    Reject,

    /// <summary>Frontends whose connections are discarded.</summary>
    Drop,

    /// <summary>Frontends where connections of one origin use the Local group.</summary>
    Local,

    /// <summary>Frontends where connections of one origin are masqueraded.</summary>
    Masquerade,

    /// <summary>Frontends with source ranges.</summary>
    Restricted,

    /// <summary>The sources that such frontends let in.</summary>
    Allowed,

    /// <summary>Frontend and slot → endpoint.</summary>
    Endpoints,

    /// <summary>Frontend and slot → id of an endpoint.</summary>
    AffinitySlots,

    /// <summary>Frontend and id of an endpoint → endpoint.</summary>
    AffinityEndpoints,

    /// <summary>Client and frontend → id of an endpoint; the kernel's rules fill it.</summary>
    Affinity,

    /// <summary>All cluster IPs, whose other ports are refused.</summary>
    ClusterIPs,

    /// <summary>All external and load balancer IPs, whose other ports are refused unless the address is the node's own.</summary>
    ExternalIPs,

    /// <summary>Source and destination of connections from a local endpoint to itself.</summary>
    Hairpin,

    /// <summary>The addresses at which node ports are reached.</summary>
    NodePortAddresses,

    /// <summary>The ranges of pods' addresses.</summary>
    PodRanges,

    /// <summary>The addresses of all endpoints that are reached over TCP.</summary>
    EndpointAddresses,
}

/// <summary>
/// Identifies a set or map within the table of one family. How many there are depends on the kinds of services in use, never on
/// their number: that is what keeps an update's cost in the kernel independent of it.
/// </summary>
/// <param name="Kind">What it holds.</param>
/// <param name="IsNodePort">Whether its keys are those of node ports, without an address.</param>
/// <param name="Policy">The group that it belongs to, where the kind goes by group.</param>
/// <param name="Origin">The origin that it belongs to, where the kind goes by origin.</param>
/// <param name="Class">What the members of a class have in common; the default for other kinds.</param>
internal readonly partial record struct SetId(
    SetKind Kind, bool IsNodePort = false, TrafficPolicy Policy = default, TrafficOrigin Origin = default, SlotClass Class = default)
{
    /// <summary>All of it in one number: ids are looked up several times for each element.</summary>
    private ulong Packed => (uint)Class.AffinitySeconds | ((ulong)Class.Slots << 32) | ((ulong)Class.Selector << 48)
        | ((ulong)Origin << 50) | ((ulong)Policy << 52) | (IsNodePort ? 1UL << 54 : 0) | ((ulong)Kind << 56);

    /// <inheritdoc/>
    public bool Equals(SetId other) => Packed == other.Packed;

    /// <inheritdoc/>
    public override int GetHashCode() => (int)((Packed * 0x9E3779B97F4A7C15) >> 32);

    /// <summary>Whether several service ports can want the same element, so that uses must be counted.</summary>
    public bool IsShared => Kind is SetKind.ClusterIPs or SetKind.ExternalIPs or SetKind.Hairpin or SetKind.EndpointAddresses;

    /// <summary>Whether its elements follow from service ports, not from the node or from clients.</summary>
    public bool IsOfServices => Kind is not (SetKind.Affinity or SetKind.PodRanges or SetKind.NodePortAddresses);

    /// <summary>Whether an element maps its key to something.</summary>
    public bool IsMap => Kind is SetKind.Endpoints or SetKind.AffinitySlots or SetKind.AffinityEndpoints or SetKind.Affinity;

    /// <summary>Whether elements carry the name of their service port as a comment.</summary>
    public bool HasComments => Kind is SetKind.Class or SetKind.Reject or SetKind.Drop;

    /// <summary>The name in the kernel. Built anew each time: callers on hot paths keep it.</summary>
    public string Name
    {
        get
        {
            var prefix = IsNodePort ? "nodeport-" : "";
            return Kind switch
            {
                SetKind.Class => $"{prefix}{PolicyName}-{Class.Name}",
                SetKind.Reject => $"{prefix}{PolicyName}-reject",
                SetKind.Drop => $"{prefix}{PolicyName}-drop",
                SetKind.Local => $"{prefix}local-from-{OriginName}",
                SetKind.Masquerade => $"{prefix}masquerade-from-{OriginName}",
                SetKind.Restricted => $"{prefix}restricted",
                SetKind.Allowed => $"{prefix}allowed",
                SetKind.Endpoints => $"{prefix}endpoints-{PolicyName}",
                SetKind.AffinitySlots => $"{prefix}affinity-slots-{PolicyName}",
                SetKind.AffinityEndpoints => $"{prefix}affinity-endpoints-{PolicyName}",
                SetKind.Affinity => $"{prefix}affinity",
                SetKind.ClusterIPs => "cluster-ips",
                SetKind.ExternalIPs => "external-ips",
                SetKind.Hairpin => "hairpin",
                SetKind.NodePortAddresses => "nodeport-addresses",
                SetKind.PodRanges => "pod-ranges",
                SetKind.EndpointAddresses => "endpoint-addresses",
                _ => throw new InvalidOperationException($"set kind {Kind} has no name"),
            };
        }
    }

    /// <summary>Reads the name of a class; the inverse of <see cref="Name"/>.</summary>
    public static bool TryParseClass(string name, out SetId id)
    {
        id = default;
        var match = ClassName.Match(name);
        if (!match.Success
            || !ushort.TryParse(match.Groups["slots"].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture, out var slots)
            || !int.TryParse(match.Groups["seconds"].Success ? match.Groups["seconds"].ValueSpan : "0", NumberStyles.None, CultureInfo.InvariantCulture, out var seconds))
        {
            return false;
        }

        var selector = match.Groups["selector"].Value switch
        {
            "-sourcehash" => SlotSelector.SourceHash,
            "-connectionhash" => SlotSelector.ConnectionHash,
            _ => SlotSelector.Random,
        };
        var policy = match.Groups["policy"].Value == "local" ? TrafficPolicy.Local : TrafficPolicy.Cluster;
        id = new SetId(SetKind.Class, match.Groups["nodeport"].Success, policy, Class: new SlotClass(slots, selector, seconds));
        return true;
    }

    [GeneratedRegex("^(?<nodeport>nodeport-)?(?<policy>cluster|local)-(?<slots>[0-9]+)(?<selector>-sourcehash|-connectionhash)?(-affinity-(?<seconds>[0-9]+))?$")]
    private static partial Regex ClassName { get; }

    private string PolicyName => Policy == TrafficPolicy.Local ? "local" : "cluster";

    private string OriginName => Origin switch
    {
        TrafficOrigin.LocalPod => "pod",
        TrafficOrigin.Node => "node",
        _ => "outside",
    };
}

/// <summary>What decides which chain picks an endpoint: all services that agree in it share that chain.</summary>
/// <param name="Slots">The number of slots, 1 or more.</param>
/// <param name="Selector">How a connection finds its slot; round robin is random here, for the kernel's counter would be common to all services of the class.</param>
/// <param name="AffinitySeconds">The affinity timeout; 0 for none.</param>
internal readonly record struct SlotClass(ushort Slots, SlotSelector Selector, int AffinitySeconds)
{
    /// <summary>The part of names that tells classes apart, such as <c>5</c> or <c>7-sourcehash-affinity-10800</c>.</summary>
    public string Name
    {
        get
        {
            var selector = Selector switch
            {
                SlotSelector.SourceHash => "-sourcehash",
                SlotSelector.ConnectionHash => "-connectionhash",
                _ => "",
            };
            return AffinitySeconds == 0
                ? string.Create(CultureInfo.InvariantCulture, $"{Slots}{selector}")
                : string.Create(CultureInfo.InvariantCulture, $"{Slots}{selector}-affinity-{AffinitySeconds}");
        }
    }
}
