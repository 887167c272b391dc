using ProxyFramework.Behaviour.Suite;
using ProxyFramework.Behaviour.Testbed;
using Xunit;

namespace ProxyFramework.Behaviour.Scenarios;

/// <summary>internalTrafficPolicy and externalTrafficPolicy: whose endpoints take a connection, and what happens without one.</summary>
[Semantics("Choosing endpoints")]
public sealed class TrafficPolicyScenarios(StandardWorld world) : ScenarioBase<StandardWorld>(world)
{
    [Fact]
    public Task Internal_policy_local_keeps_cluster_ip_traffic_on_the_node() => HoldsAsync(async () =>
    {
        var web = Service("web").TcpAndUdp().AllFrontends().Internal("Local").Endpoints(Pod1, Pod2, Remote1, Remote2);
        await World.ApplyAsync(web);
        foreach (var from in new[] { Client, Node, Pod3 })
        {
            await ShouldSpreadOverAsync(from, web.ClusterIP(V4, "tcp"), Pod1, Pod2);
            await ShouldSpreadOverAsync(from, web.ClusterIP(V6, "udp"), Pod1, Pod2);
        }

        // It is about cluster IPs alone.
        await ShouldSpreadOverAsync(Client, web.LoadBalancerIP(V4, "tcp"), Pod1, Pod2, Remote1, Remote2);
    });

    [Fact]
    public Task External_policy_local_keeps_traffic_from_outside_on_the_node() => HoldsAsync(async () =>
    {
        var web = Service("web").TcpAndUdp().AllFrontends().External("Local").Endpoints(Pod1, Pod2, Remote1);
        await World.ApplyAsync(web);
        foreach (var target in web.ExternalFrontends(V4, "tcp").Concat(web.ExternalFrontends(V6, "udp")))
        {
            await ShouldSpreadOverAsync(Client, target, Pod1, Pod2);
        }

        // It is about external frontends alone.
        await ShouldSpreadOverAsync(Client, web.ClusterIP(V4, "tcp"), Pod1, Pod2, Remote1);
    });

    [Fact]
    public Task External_policy_local_does_not_bind_the_node_and_its_pods() => HoldsAsync(async () =>
    {
        var both = Service("both").TcpAndUdp().AllFrontends().External("Local").Endpoints(Pod1, Remote1);
        var remote = Service("remote").TcpAndUdp().AllFrontends().External("Local").Endpoints(Remote1);
        await World.ApplyAsync(both, remote);
        foreach (var from in new[] { Node, Pod2 })
        {
            foreach (var (family, port) in new[] { (V4, "tcp"), (V6, "udp"), (V6, "tcp") })
            {
                foreach (var target in both.ExternalFrontends(family, port))
                {
                    await ShouldSpreadOverAsync(from, target, Pod1, Remote1);
                }

                foreach (var target in remote.ExternalFrontends(family, port))
                {
                    (await from.AskAsync(target)).ShouldComeFrom(Remote1);
                }
            }
        }
    });

    [Fact]
    public Task Internal_policy_local_without_a_local_endpoint_drops() => HoldsAsync(
        async () => await WithoutLocalEndpointAsync(outcome => outcome.ShouldBeSilent(), "Cluster", "Local"),
        weaker: async () => await WithoutLocalEndpointAsync(outcome => outcome.ShouldNotBeServed(), "Cluster", "Local"));

    [Fact]
    public Task External_policy_local_without_a_local_endpoint_drops() => HoldsAsync(
        async () => await WithoutLocalEndpointAsync(outcome => outcome.ShouldBeSilent(), "Local", "Cluster"),
        weaker: async () => await WithoutLocalEndpointAsync(outcome => outcome.ShouldNotBeServed(), "Local", "Cluster"));

    [Fact]
    public Task A_local_policy_without_any_endpoint_refuses() => HoldsAsync(async () =>
    {
        var web = Service("web").TcpAndUdp().AllFrontends().External("Local").Internal("Local").Endpoints(EndpointSpec.Unready(Remote1));
        await World.ApplyAsync(web);
        foreach (var (family, port) in new[] { (V4, "tcp"), (V4, "udp"), (V6, "tcp"), (V6, "udp") })
        {
            foreach (var target in web.Frontends(family, port))
            {
                (await Client.AskAsync(target)).ShouldBeRefused();
                (await Pod1.AskAsync(target)).ShouldBeRefused();
            }
        }
    });

    [Fact]
    public Task A_changed_policy_takes_effect() => HoldsAsync(async () =>
    {
        var web = Service("web").Port().AllFrontends().Endpoints(Pod1, Remote1);
        await World.ApplyAsync(web);
        await ShouldSpreadOverAsync(Client, web.LoadBalancerIP(), Pod1, Remote1);
        await World.ApplyAsync(web.External("Local").Internal("Local"));
        await ShouldSpreadOverAsync(Client, web.LoadBalancerIP(), Pod1);
        await ShouldSpreadOverAsync(Client, web.ClusterIP(), Pod1);
        await World.ApplyAsync(web.External("Cluster").Internal("Cluster"));
        await ShouldSpreadOverAsync(Client, web.LoadBalancerIP(), Pod1, Remote1);
        await ShouldSpreadOverAsync(Client, web.ClusterIP(), Pod1, Remote1);
    });

    private async Task WithoutLocalEndpointAsync(Action<Outcome> expectation, string external, string @internal)
    {
        var web = Service("web").TcpAndUdp().AllFrontends().External(external).Internal(@internal).Endpoints(Remote1);
        await World.ApplyAsync(web);
        foreach (var (family, port) in new[] { (V4, "tcp"), (V6, "udp") })
        {
            foreach (var target in external == "Local" ? web.ExternalFrontends(family, port) : [web.ClusterIP(family, port)])
            {
                expectation(await Client.AskBrieflyAsync(target));
            }

            if (@internal == "Local")
            {
                expectation(await Pod1.AskBrieflyAsync(web.ClusterIP(family, port)));
                expectation(await Node.AskBrieflyAsync(web.ClusterIP(family, port)));
            }
            else
            {
                (await Client.AskAsync(web.ClusterIP(family, port))).ShouldComeFrom(Remote1);
            }
        }

        // A local endpoint ends it.
        await World.ApplyAsync(web.Endpoints(Pod1, Remote1));
        (await Client.AskAsync(external == "Local" ? web.LoadBalancerIP(V4, "tcp") : web.ClusterIP(V4, "tcp"))).ShouldComeFrom(Pod1);
    }
}
