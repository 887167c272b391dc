using ProxyFramework.Behaviour.Testbed;

namespace ProxyFramework.Behaviour.Scenarios;

/// <summary>Most scenarios: pods by the cluster's ranges, node ports on all of the node's addresses.</summary>
public sealed class StandardWorld() : World(new WorldOptions());

/// <summary>Node ports on one of the node's addresses of each family, chosen by range.</summary>
public sealed class NodePortRangeWorld() : World(new WorldOptions
{
    Flags = [.. WorldOptions.ClusterCidr, $"--nodeport-addresses={Network.NodeSide}.0/24,{Network.NodeSide6}/64"],
});

/// <summary>Node ports on the addresses that the Node object names first.</summary>
public sealed class PrimaryNodePortWorld() : World(new WorldOptions { Flags = [.. WorldOptions.ClusterCidr, "--nodeport-addresses=primary"] });

/// <summary>Node ports on the loopback addresses too, by the operator's wish.</summary>
public sealed class LocalhostNodePortWorld() : World(new WorldOptions
{
    Flags = [.. WorldOptions.ClusterCidr, $"--nodeport-addresses={Network.NodeSide}.0/24,{Network.NodeSide6}/64,localhost"],
});

public sealed class NodeCidrWorld() : World(new WorldOptions { Flags = ["--detect-local-mode=NodeCIDR"] });

public sealed class BridgeWorld() : World(new WorldOptions
{
    Pods = PodAttachment.Bridge,
    Flags = ["--detect-local-mode=BridgeInterface", "--pod-bridge-interface=br-pods"],
});

public sealed class InterfacePrefixWorld() : World(new WorldOptions
{
    Flags = ["--detect-local-mode=InterfaceNamePrefix", "--pod-interface-name-prefix=veth"],
});

public sealed class MasqueradeAllWorld() : World(new WorldOptions { Flags = [.. WorldOptions.ClusterCidr, "--masquerade-all"] });
