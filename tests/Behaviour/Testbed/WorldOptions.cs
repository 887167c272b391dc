namespace ProxyFramework.Behaviour.Testbed;

/// <summary>How pods are attached to their node.</summary>
public enum PodAttachment
{
    /// <summary>Each by an interface <c>veth1</c>, <c>veth2</c>… of the node, with routes to single addresses.</summary>
    RoutedVeths,

    /// <summary>To the bridge <c>br-pods</c>.</summary>
    Bridge,
}

/// <summary>What differs from world to world.</summary>
public sealed record WorldOptions
{
    public PodAttachment Pods { get; init; } = PodAttachment.RoutedVeths;

    /// <summary>Flags of the proxy beside those that every world gives.</summary>
    public IReadOnlyList<string> Flags { get; init; } = ClusterCidr;

    /// <summary>False for the tests of the testbed itself.</summary>
    public bool StartsProxy { get; init; } = true;

    /// <summary>Whether the manifests have a Node object for the node.</summary>
    public bool HasNodeObject { get; init; } = true;

    public static IReadOnlyList<string> ClusterCidr { get; } =
        ["--detect-local-mode=ClusterCIDR", "--cluster-cidr=10.244.0.0/16,fd00:10:244::/48"];
}
