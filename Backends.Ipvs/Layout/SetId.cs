namespace ProxyFramework.Backends.Ipvs.Layout;

/// <summary>What a set of the companion table holds.</summary>
internal enum SetKind : byte
{
    /// <summary>All frontends: the virtual servers that are ours.</summary>
    Services,

    /// <summary>Frontends of former services whose connections go on.</summary>
    Retiring,

    /// <summary>Service addresses that this node has only because of the services.</summary>
    Addresses,

    /// <summary>Endpoints of this node, as source and destination: one that reaches itself.</summary>
    Hairpin,

    /// <summary>Frontends with source ranges.</summary>
    Restricted,

    /// <summary>Frontends and the sources that are let in.</summary>
    Allowed,

    /// <summary>How pods are told, where it goes by address.</summary>
    PodRanges,

    /// <summary>Frontends whose connections of one origin are masqueraded.</summary>
    Masquerade,

    /// <summary>Frontends whose connections of one origin are dropped.</summary>
    Drop,

    /// <summary>Frontends whose connections of one origin are refused.</summary>
    Reject,

    /// <summary>Frontends whose connections of one origin have a virtual server of their own, and its mark.</summary>
    Mark,
}

/// <summary>A set of the companion table.</summary>
/// <param name="Kind">What it holds.</param>
/// <param name="Origin">Of which origin, for the kinds that have one.</param>
internal readonly record struct SetId(SetKind Kind, TrafficOrigin Origin = default)
{
    /// <summary>All that there are.</summary>
    public static IReadOnlyList<SetId> All { get; } =
    [
        .. Enum.GetValues<SetKind>().Where(static kind => !HasOrigin(kind)).Select(static kind => new SetId(kind)),
        .. Enum.GetValues<TrafficOrigin>().SelectMany(static origin => Enum.GetValues<SetKind>().Where(HasOrigin).Select(kind => new SetId(kind, origin))),
    ];

    /// <summary>Its name in the kernel.</summary>
    public string Name => Kind switch
    {
        SetKind.Services => "services",
        SetKind.Retiring => "retiring",
        SetKind.Addresses => "addresses",
        SetKind.Hairpin => "hairpin",
        SetKind.Restricted => "restricted",
        SetKind.Allowed => "allowed",
        SetKind.PodRanges => "pod-ranges",
        SetKind.Masquerade => $"masquerade-{From}",
        SetKind.Drop => $"drop-{From}",
        SetKind.Reject => $"reject-{From}",
        _ => $"mark-{From}",
    };

    /// <summary>Whether several services can want the same element.</summary>
    public bool IsShared => Kind is SetKind.Addresses or SetKind.Hairpin or SetKind.Retiring;

    /// <summary>The origin's part of names.</summary>
    public string From => Origin switch
    {
        TrafficOrigin.LocalPod => "from-pod",
        TrafficOrigin.Node => "from-node",
        _ => "from-outside",
    };

    private static bool HasOrigin(SetKind kind) => kind >= SetKind.Masquerade;
}
