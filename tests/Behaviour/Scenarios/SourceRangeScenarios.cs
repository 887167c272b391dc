using ProxyFramework.Behaviour.Suite;
using ProxyFramework.Behaviour.Testbed;
using Xunit;

namespace ProxyFramework.Behaviour.Scenarios;

/// <summary>Who may reach a load balancer IP.</summary>
[Semantics("loadBalancerSourceRanges")]
public sealed class SourceRangeScenarios(StandardWorld world) : ScenarioBase<StandardWorld>(world)
{
    private Place Allowed => World.Clients[0];

    private Place Other => World.Clients[1];

    [Fact]
    public Task Only_sources_in_the_ranges_reach_the_load_balancer_ip_others_are_dropped() => HoldsAsync(
        async () => await RangesAsync(outcome => outcome.ShouldBeSilent()),
        weaker: async () => await RangesAsync(outcome => outcome.ShouldNotBeServed()));

    [Fact]
    public Task They_do_not_limit_the_other_frontends() => HoldsAsync(async () =>
    {
        var web = Limited();
        await World.ApplyAsync(web);
        foreach (var family in Families.Both)
        {
            (await Other.AskAsync(web.ClusterIP(family, "tcp"))).ShouldComeFrom(Pod1);
            (await Other.AskAsync(web.ExternalIP(family, "udp"))).ShouldComeFrom(Pod1);
            (await Other.AskAsync(web.NodePort(NodeAddress(family), "tcp"))).ShouldComeFrom(Pod1);
        }
    });

    [Fact]
    public Task Changed_ranges_take_effect() => HoldsAsync(async () =>
    {
        var web = Limited();
        await World.ApplyAsync(web);
        (await Other.AskBrieflyAsync(web.LoadBalancerIP(V4, "tcp"))).ShouldNotBeServed();
        web.SourceRanges.Clear();
        web.SourceRanges.Add($"{Other.IPv4}/32");
        web.SourceRanges.Add($"{Other.IPv6}/128");
        await World.ApplyAsync(web);
        (await Other.AskAsync(web.LoadBalancerIP(V4, "tcp"))).ShouldComeFrom(Pod1);
        (await Allowed.AskBrieflyAsync(web.LoadBalancerIP(V4, "tcp"))).ShouldNotBeServed();
        web.SourceRanges.Clear();
        await World.ApplyAsync(web);
        (await Allowed.AskAsync(web.LoadBalancerIP(V4, "tcp"))).ShouldComeFrom(Pod1);
    });

    [Fact]
    public Task They_hold_under_local_policy_too() => HoldsAsync(async () =>
    {
        var web = Limited().External("Local");
        await World.ApplyAsync(web);
        (await Allowed.AskAsync(web.LoadBalancerIP(V4, "tcp"))).ShouldComeFrom(Pod1);
        (await Other.AskBrieflyAsync(web.LoadBalancerIP(V4, "tcp"))).ShouldNotBeServed();
    });

    [Fact]
    public Task A_node_that_has_the_ip_and_is_in_a_range_reaches_it_from_itself() => HoldsAsync(async () =>
    {
        // With the IP on an interface the node's own packets have it as their source.
        var inside = Service("inside").Port().LoadBalancer().Endpoints(Pod1);
        inside.SourceRanges.Add($"{NodeAddress(V4)}/32");
        var outside = Service("outside").Port().LoadBalancer().Endpoints(Pod1);
        outside.SourceRanges.Add($"{Allowed.IPv4}/32");
        string[] addresses = [$"{inside.LoadBalancerIPAddress(V4)}/32", $"{outside.LoadBalancerIPAddress(V4)}/32"];
        await Node.Namespace.IpAsync([.. addresses.Select(address => $"address add {address} dev eth1")]);
        try
        {
            await World.ApplyAsync(inside, outside);
            (await Node.AskAsync(inside.LoadBalancerIP())).ShouldComeFrom(Pod1);
            (await Allowed.AskBrieflyAsync(inside.LoadBalancerIP())).ShouldNotBeServed();
            (await Node.AskBrieflyAsync(outside.LoadBalancerIP())).ShouldNotBeServed();
            (await Allowed.AskAsync(outside.LoadBalancerIP())).ShouldComeFrom(Pod1);
        }
        finally
        {
            foreach (var address in addresses)
            {
                await Node.Namespace.TryExecAsync("ip", "address", "del", address, "dev", "eth1");
            }
        }
    });

    private ServiceSpec Limited()
    {
        var web = Service("web").TcpAndUdp().AllFrontends().Endpoints(Pod1);
        web.SourceRanges.Add($"{Allowed.IPv4}/32");
        web.SourceRanges.Add("203.0.113.0/24");
        web.SourceRanges.Add($"{Allowed.IPv6}/128");
        return web;
    }

    private async Task RangesAsync(Action<Outcome> expectation)
    {
        var web = Limited();
        await World.ApplyAsync(web);
        foreach (var (family, port) in new[] { (V4, "tcp"), (V4, "udp"), (V6, "tcp"), (V6, "udp") })
        {
            (await Allowed.AskAsync(web.LoadBalancerIP(family, port))).ShouldComeFrom(Pod1);
            expectation(await Other.AskBrieflyAsync(web.LoadBalancerIP(family, port)));
        }

        expectation(await Pod2.AskBrieflyAsync(web.LoadBalancerIP(V4, "tcp")));
    }
}
