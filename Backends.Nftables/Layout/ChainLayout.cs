using System.Collections.Immutable;
using ProxyFramework.Netlink.NfTables;
using static ProxyFramework.Backends.Nftables.Layout.Statement;

namespace ProxyFramework.Backends.Nftables.Layout;

/// <summary>
/// The chains of one family's table. They depend on which classes of services there are and on how pods are told, not on how many
/// services: a connection's first packet passes a rule for each class, later packets pass none.
/// </summary>
/// <param name="masqueradeBit">The packet mark bit between the decision to masquerade and postrouting.</param>
/// <param name="dropsInvalid">Whether packets of endpoints that connection tracking cannot place are discarded.</param>
internal sealed class ChainLayout(uint masqueradeBit, bool dropsInvalid)
{
    /// <summary>
    /// Five before <c>srcnat</c>: before a CNI plugin's own masquerading, for the first nat rule that applies to a connection ends
    /// it, and replies to service traffic must come back here.
    /// </summary>
    private const int BeforeSourceNat = NftBaseChain.SourceNatPriority - 5;

    // "reject" is a word of the nft language: a listing with a chain of that name could not be loaded again.
    private const string RefuseName = "refuse";

    private static readonly bool[] AddressThenNodePort = [false, true];
    private static readonly bool[] NodePortThenAddress = [true, false];
    private static readonly TrafficPolicy[] Policies = [TrafficPolicy.Cluster, TrafficPolicy.Local];
    private static readonly TrafficOrigin[] Origins = [TrafficOrigin.Outside, TrafficOrigin.LocalPod, TrafficOrigin.Node];

    /// <summary>The sets that exist whatever the services are, because rules that are always there name them.</summary>
    public static IEnumerable<SetId> FixedSets()
    {
        yield return new(SetKind.ClusterIPs);
        yield return new(SetKind.ExternalIPs);
        yield return new(SetKind.Hairpin);
        yield return new(SetKind.NodePortAddresses);
        yield return new(SetKind.PodRanges);
        yield return new(SetKind.EndpointAddresses);
        foreach (var isNodePort in AddressThenNodePort)
        {
            yield return new(SetKind.Restricted, isNodePort);
            yield return new(SetKind.Allowed, isNodePort);
            yield return new(SetKind.Affinity, isNodePort);
            foreach (var origin in Origins)
            {
                yield return new(SetKind.Local, isNodePort, Origin: origin);
                yield return new(SetKind.Masquerade, isNodePort, Origin: origin);
            }

            foreach (var policy in Policies)
            {
                yield return new(SetKind.Reject, isNodePort, policy);
                yield return new(SetKind.Drop, isNodePort, policy);
                yield return new(SetKind.Endpoints, isNodePort, policy);
                yield return new(SetKind.AffinitySlots, isNodePort, policy);
                yield return new(SetKind.AffinityEndpoints, isNodePort, policy);
            }
        }
    }

    /// <summary>All chains, each before those that lead to it.</summary>
    /// <param name="classes">The class sets in use, in an order that stays.</param>
    /// <param name="pods">How pods of this node are told.</param>
    public IEnumerable<Chain> Build(IReadOnlyCollection<SetId> classes, LocalPodDetection pods)
    {
        yield return new(RefuseName, null, [[new MatchProtocol(TransportProtocol.Tcp), new RejectWithReset()], [new RejectPortUnreachable()]]);
        foreach (var set in classes)
        {
            yield return Pick(set);
        }

        foreach (var isNodePort in NodePortThenAddress)
        {
            foreach (var policy in Policies)
            {
                yield return Group(classes, isNodePort, policy);
            }

            foreach (var origin in Origins)
            {
                yield return From(isNodePort, origin);
            }
        }

        yield return new(
            "prerouting", new(NftBaseChain.Nat, NftHook.PreRouting, NftBaseChain.DestinationNatPriority), FromNetwork(pods));
        yield return new(
            "output",
            new(NftBaseChain.Nat, NftHook.Output, NftBaseChain.DestinationNatPriority),
            [[new Goto(FromName(false, TrafficOrigin.Node))]]);
        yield return new("postrouting", new(NftBaseChain.Nat, NftHook.PostRouting, BeforeSourceNat),
        [
            [new MatchTranslated(), new Forget()],
            [new MatchHairpin(new(SetKind.Hairpin)), new Masquerade()],
            [new MatchMark(masqueradeBit), new ClearMark(masqueradeBit), new Masquerade()],
        ]);
        if (dropsInvalid)
        {
            // A packet that connection tracking cannot place is not translated back; the client would answer it with a reset.
            yield return new("invalid", new(NftBaseChain.Filter, NftHook.PreRouting, NftBaseChain.ManglePriority),
            [
                [new MatchInvalid(), new MatchProtocol(TransportProtocol.Tcp), new MatchSource(new(SetKind.EndpointAddresses)), new Drop()],
            ]);
        }
    }

    private static string PickName(SetId set) => $"pick-{set.Name}";

    private static string GroupName(bool isNodePort, TrafficPolicy policy) =>
        (isNodePort ? "nodeport-" : "") + (policy == TrafficPolicy.Local ? "local" : "cluster");

    private static string FromName(bool isNodePort, TrafficOrigin origin) => (isNodePort ? "nodeport-" : "") + origin switch
    {
        TrafficOrigin.LocalPod => "from-pod",
        TrafficOrigin.Node => "from-node",
        _ => "from-outside",
    };

    /// <summary>Picks an endpoint for the services of one class.</summary>
    private static Chain Pick(SetId set)
    {
        var slotClass = set.Class;
        if (slotClass.AffinitySeconds == 0)
        {
            return new(PickName(set), null, [[new PickSlot(slotClass), new DnatTo(set with { Kind = SetKind.Endpoints, Class = default })]]);
        }

        var affinity = new SetId(SetKind.Affinity, set.IsNodePort);
        var toEndpoint = new DnatTo(set with { Kind = SetKind.AffinityEndpoints, Class = default });
        var remember = new RememberId(affinity, slotClass.AffinitySeconds);
        return new(PickName(set), null,
        [
            [new Forget()],
            [new RecallId(affinity)],
            [remember, toEndpoint],
            // Only where there was no endpoint for the id: the client is new, or its endpoint is gone.
            [new ForgetClient(affinity)],
            [new PickSlot(slotClass), new SlotToId(set with { Kind = SetKind.AffinitySlots, Class = default })],
            [remember, toEndpoint],
            // Only where the map of clients is full.
            [toEndpoint],
        ]);
    }

    /// <summary>What the endpoints of one policy do with a connection.</summary>
    private static Chain Group(IReadOnlyCollection<SetId> classes, bool isNodePort, TrafficPolicy policy)
    {
        var rules = ImmutableArray.CreateBuilder<ImmutableArray<Statement>>();
        foreach (var set in classes)
        {
            if (set.IsNodePort == isNodePort && set.Policy == policy)
            {
                rules.Add([new MatchFrontend(set), new Goto(PickName(set))]);
            }
        }

        rules.Add([new MatchFrontend(new(SetKind.Drop, isNodePort, policy)), new Drop()]);
        rules.Add([new MatchFrontend(new(SetKind.Reject, isNodePort, policy)), new Goto(RefuseName)]);
        if (!isNodePort && policy == TrafficPolicy.Cluster)
        {
            // Ports of a service address that belong to no service must not reach the node's own daemons, nor wander off. An
            // external IP may be an address that the node has anyway: then its other ports are the node's.
            rules.Add([new MatchDestination(new(SetKind.ClusterIPs)), new Goto(RefuseName)]);
            rules.Add([new MatchDestination(new(SetKind.ExternalIPs)), new MatchNotOwnAddress(), new Goto(RefuseName)]);
        }

        return new(GroupName(isNodePort, policy), null, rules.ToImmutable());
    }

    /// <summary>What happens to connections of one origin.</summary>
    private Chain From(bool isNodePort, TrafficOrigin origin)
    {
        var rules = ImmutableArray.CreateBuilder<ImmutableArray<Statement>>();
        if (!isNodePort)
        {
            // Comes back where the port is nobody's node port: an external IP may be the node's address.
            rules.Add([new MatchDestination(new(SetKind.NodePortAddresses)), new Jump(FromName(true, origin))]);
        }

        rules.Add([new MatchFrontend(new(SetKind.Restricted, isNodePort)), new MatchForbiddenSource(new(SetKind.Allowed, isNodePort)), new Drop()]);
        rules.Add([new MatchFrontend(new(SetKind.Masquerade, isNodePort, Origin: origin)), new SetMark(masqueradeBit)]);
        rules.Add([new MatchFrontend(new(SetKind.Local, isNodePort, Origin: origin)), new Goto(GroupName(isNodePort, TrafficPolicy.Local))]);
        rules.Add([new Goto(GroupName(isNodePort, TrafficPolicy.Cluster))]);
        return new(FromName(isNodePort, origin), null, rules.ToImmutable());
    }

    private static ImmutableArray<ImmutableArray<Statement>> FromNetwork(LocalPodDetection pods)
    {
        var toPod = new Goto(FromName(false, TrafficOrigin.LocalPod));
        ImmutableArray<Statement> toOutside = [new Goto(FromName(false, TrafficOrigin.Outside))];
        return pods.Mode switch
        {
            LocalPodDetectionMode.ClusterCidr or LocalPodDetectionMode.NodeCidr => [[new MatchSource(new(SetKind.PodRanges)), toPod], toOutside],
            LocalPodDetectionMode.BridgeInterface => [[new MatchInterface(pods.InterfaceName, IsPrefix: false), toPod], toOutside],
            LocalPodDetectionMode.InterfaceNamePrefix => [[new MatchInterface(pods.InterfaceName, IsPrefix: true), toPod], toOutside],
            _ => [toOutside],
        };
    }
}
