using ProxyFramework.Behaviour.Suite;
using ProxyFramework.Behaviour.Testbed;
using Xunit;

namespace ProxyFramework.Behaviour.Scenarios;

/// <summary>The source address that endpoints see, for each way of telling pods from the rest.</summary>
[Semantics("Source address")]
public abstract class SourceAddressScenarios<TWorld>(TWorld world) : ScenarioBase<TWorld>(world)
    where TWorld : World
{
    private static readonly (Family Family, string Port)[] FamiliesAndPorts = [(V4, "tcp"), (V4, "udp"), (V6, "tcp"), (V6, "udp")];

    /// <summary>Whether a pod of another node counts as inside the cluster.</summary>
    protected virtual bool RemotePodsAreInside => false;

    /// <summary>Whether traffic to cluster IPs is masqueraded whatever its origin.</summary>
    protected virtual bool MasqueradesAll => false;

    [Fact]
    public Task Pods_reach_cluster_ips_with_their_own_address() => HoldsAsync(
        async () => await PodsReachClusterIPsAsync((outcome, from, family) =>
            ShouldBe(outcome, from, family, masqueraded: MasqueradesAll)),
        weaker: async () => await PodsReachClusterIPsAsync((outcome, _, _) => outcome.ShouldHaveSourceAmong(World.NodeAddresses)));

    [Fact]
    public Task Pods_of_other_nodes_count_as_the_mode_says() => HoldsAsync(
        async () => await RemotePodsReachClusterIPsAsync((outcome, from, family) =>
            ShouldBe(outcome, from, family, masqueraded: MasqueradesAll || !RemotePodsAreInside)),
        weaker: async () => await RemotePodsReachClusterIPsAsync((outcome, _, _) => outcome.ShouldHaveSourceAmong(World.NodeAddresses)));

    [Fact]
    public Task Outsiders_reach_cluster_ips_masqueraded() => HoldsAsync(async () =>
    {
        var web = Service("web").TcpAndUdp().Endpoints(Pod1, Remote1);
        await World.ApplyAsync(web);
        foreach (var (family, port) in FamiliesAndPorts)
        {
            foreach (var outcome in await Client.AskManyAsync(web.ClusterIP(family, port), 6))
            {
                outcome.ShouldComeFrom(Pod1, Remote1).ShouldHaveSourceAmong(World.NodeAddresses);
            }
        }
    });

    [Fact]
    public Task External_frontends_with_cluster_policy_masquerade() => HoldsAsync(async () =>
    {
        var web = Service("web").TcpAndUdp().AllFrontends().Endpoints(Pod1, Remote1);
        await World.ApplyAsync(web);
        foreach (var (family, port) in FamiliesAndPorts)
        {
            foreach (var target in web.ExternalFrontends(family, port))
            {
                foreach (var from in new[] { Client, Pod2 })
                {
                    foreach (var outcome in await from.AskManyAsync(target, 4))
                    {
                        outcome.ShouldComeFrom(Pod1, Remote1).ShouldHaveSourceAmong(World.NodeAddresses);
                    }
                }
            }
        }
    });

    [Fact]
    public Task External_frontends_with_local_policy_keep_the_clients_address() => HoldsAsync(
        async () => await LocalPolicyAsync((outcome, family) => outcome.ShouldHaveSource(Client.Address(family))),
        weaker: async () => await LocalPolicyAsync((outcome, _) => outcome.ShouldHaveSourceAmong(World.NodeAddresses)));

    [Fact]
    public Task A_pod_that_reaches_itself_through_a_service_is_masqueraded() => HoldsAsync(async () =>
    {
        var web = Service("web").TcpAndUdp().AllFrontends().External("Local").Endpoints(Pod1);
        await World.ApplyAsync(web);
        foreach (var (family, port) in FamiliesAndPorts)
        {
            foreach (var target in web.Frontends(family, port))
            {
                (await Pod1.AskAsync(target)).ShouldComeFrom(Pod1).ShouldHaveSourceAmong(World.NodeAddresses);
            }
        }
    });

    [Fact]
    [Semantics("Choosing endpoints")]
    public Task Pods_of_this_node_are_recognised_where_external_policy_is_local() => HoldsAsync(async () =>
    {
        var web = Service("web").TcpAndUdp().AllFrontends().External("Local").Endpoints(Remote1);
        await World.ApplyAsync(web);
        foreach (var (family, port) in FamiliesAndPorts)
        {
            foreach (var target in web.ExternalFrontends(family, port))
            {
                (await Pod2.AskAsync(target)).ShouldComeFrom(Remote1);
            }
        }

        (await Client.AskBrieflyAsync(web.LoadBalancerIP(V4, "tcp"))).ShouldNotBeServed();
    });

    [Fact]
    public Task The_node_reaches_every_frontend_and_gets_answers() => HoldsAsync(async () =>
    {
        var web = Service("web").TcpAndUdp().AllFrontends().External("Local").Endpoints(Pod1, Remote1);
        await World.ApplyAsync(web);
        foreach (var (family, port) in FamiliesAndPorts)
        {
            foreach (var target in web.Frontends(family, port))
            {
                foreach (var outcome in await Node.AskManyAsync(target, 4))
                {
                    outcome.ShouldComeFrom(Pod1, Remote1).ShouldHaveSourceAmong(World.NodeAddresses);
                }
            }
        }
    });

    private async Task PodsReachClusterIPsAsync(Action<Outcome, Place, Family> expectation)
    {
        var web = Service("web").TcpAndUdp().Endpoints(Pod1, Remote1);
        await World.ApplyAsync(web);
        foreach (var (family, port) in FamiliesAndPorts)
        {
            foreach (var outcome in await Pod2.AskManyAsync(web.ClusterIP(family, port), 6))
            {
                outcome.ShouldComeFrom(Pod1, Remote1);
                expectation(outcome, Pod2, family);
            }
        }
    }

    private async Task RemotePodsReachClusterIPsAsync(Action<Outcome, Place, Family> expectation)
    {
        var web = Service("web").TcpAndUdp().Endpoints(Pod1);
        await World.ApplyAsync(web);
        foreach (var (family, port) in FamiliesAndPorts)
        {
            expectation((await Remote1.AskAsync(web.ClusterIP(family, port))).ShouldComeFrom(Pod1), Remote1, family);
        }
    }

    private async Task LocalPolicyAsync(Action<Outcome, Family> expectation)
    {
        var web = Service("web").TcpAndUdp().AllFrontends().External("Local").Endpoints(Pod1, Remote1);
        await World.ApplyAsync(web);
        foreach (var (family, port) in FamiliesAndPorts)
        {
            foreach (var target in web.ExternalFrontends(family, port))
            {
                expectation((await Client.AskAsync(target)).ShouldComeFrom(Pod1), family);
            }
        }
    }

    private void ShouldBe(Outcome outcome, Place from, Family family, bool masqueraded)
    {
        if (masqueraded)
        {
            outcome.ShouldHaveSourceAmong(World.NodeAddresses);
        }
        else
        {
            outcome.ShouldHaveSource(from.Address(family));
        }
    }
}

public sealed class ClusterCidrScenarios(StandardWorld world) : SourceAddressScenarios<StandardWorld>(world)
{
    protected override bool RemotePodsAreInside => true;
}

public sealed class NodeCidrScenarios(NodeCidrWorld world) : SourceAddressScenarios<NodeCidrWorld>(world);

public sealed class BridgeInterfaceScenarios(BridgeWorld world) : SourceAddressScenarios<BridgeWorld>(world);

public sealed class InterfaceNamePrefixScenarios(InterfacePrefixWorld world) : SourceAddressScenarios<InterfacePrefixWorld>(world);

public sealed class MasqueradeAllScenarios(MasqueradeAllWorld world) : SourceAddressScenarios<MasqueradeAllWorld>(world)
{
    protected override bool MasqueradesAll => true;
}
