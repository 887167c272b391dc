using ProxyFramework.Behaviour.Suite;
using ProxyFramework.Behaviour.Testbed;
using Xunit;

namespace ProxyFramework.Behaviour.Scenarios;

/// <summary>A proxy that ends, by a crash or in order, and starts again: traffic comes first.</summary>
[Trap("#75360")]
public sealed class RestartScenarios(StandardWorld world) : ScenarioBase<StandardWorld>(world)
{
    [Fact]
    public Task A_crash_and_a_restart_cost_no_request() => HoldsAsync(
        async () =>
        {
            var web = Everything();
            await World.ApplyAsync(web);
            await using var traffic = Traffic.Start(Client, [.. web.Frontends(V4, "tcp"), .. web.Frontends(V6, "tcp"), web.ClusterIP(V4, "udp")]);
            await using var fromPod = Traffic.Start(Pod2, web.ClusterIP(V4, "tcp"), web.ClusterIP(V6, "udp"));
            await traffic.PassAsync(20);
            await World.Proxy.KillAsync();
            await traffic.PassAsync(50);
            await RestartAsync();
            await traffic.PassAsync(50);
            await traffic.ShouldHaveHadNoFailureAsync();
            await fromPod.ShouldHaveHadNoFailureAsync();
        },
        weaker: async () => await ServesAfterAsync(proxy => proxy.KillAsync()));

    [Fact]
    [Trap("#119265")]
    public Task An_orderly_stop_leaves_everything_in_force() => HoldsAsync(
        async () =>
        {
            var web = Everything();
            await World.ApplyAsync(web);
            await using var traffic = Traffic.Start(Client, [.. web.Frontends(V4, "tcp"), .. web.Frontends(V6, "udp")]);
            await traffic.PassAsync(20);
            await World.Proxy.TerminateAsync();
            await traffic.PassAsync(50);
            await RestartAsync();
            await traffic.PassAsync(50);
            await traffic.ShouldHaveHadNoFailureAsync();
        },
        weaker: async () => await ServesAfterAsync(proxy => proxy.TerminateAsync()));

    [Fact]
    public Task Established_connections_and_flows_outlive_the_proxy() => HoldsAsync(async () =>
    {
        var web = Everything().Endpoints(Pod1);
        await World.ApplyAsync(web);
        using var connection = await Client.ConnectAsync(web.ClusterIP(V4, "tcp"));
        using var flow = Client.OpenFlow(web.LoadBalancerIP(V4, "udp"));
        (await connection.AskAsync()).ShouldComeFrom(Pod1);
        var before = (await flow.AskAsync()).ShouldComeFrom(Pod1);
        await World.ApplyAsync(web.Endpoints(Pod1, Pod2, Pod3));
        await World.Proxy.KillAsync();
        (await connection.AskAsync()).ShouldComeFrom(Pod1);
        await RestartAsync();
        (await connection.AskAsync()).ShouldComeFrom(Pod1);

        // The very same connection tracking entry: not only the endpoint, the translated source port too.
        Assert.Equal(before.Peer, (await flow.AskAsync()).ShouldComeFrom(Pod1).Peer);
    });

    [Fact]
    [Semantics("Session affinity")]
    public Task Session_affinity_outlives_the_proxy() => HoldsAsync(async () =>
    {
        var web = Service("web").Port().Affinity().Endpoints(Pod1, Pod2, Pod3, Remote1);
        await World.ApplyAsync(web);
        var before = new List<string>();
        foreach (var client in World.Clients)
        {
            before.Add((await client.AskAsync(web.ClusterIP())).ShouldComeFrom(Pod1, Pod2, Pod3, Remote1).Server);
        }

        await World.Proxy.KillAsync();
        await RestartAsync();
        foreach (var (client, server) in World.Clients.Zip(before))
        {
            (await client.AskAsync(web.ClusterIP())).ShouldComeFromServer(server);
        }
    });

    [Fact]
    [Trap("#125467")]
    public Task What_changed_while_the_proxy_was_down_is_in_force_after_the_restart() => HoldsAsync(async () =>
    {
        var changed = Service("changed").TcpAndUdp().AllFrontends().Endpoints(Pod1, Pod2);
        var removed = Service("removed").TcpAndUdp().AllFrontends().Endpoints(Pod1);
        var drained = Service("drained").Port().Annotate("weights", $$"""{"{{Pod1.Name}}": 0}""").Endpoints(Pod1, Pod2);
        var added = Service("added").TcpAndUdp().AllFrontends().Endpoints(Pod3);
        await World.ApplyAsync(changed, removed, drained);
        using var flow = Client.OpenFlow(changed.ClusterIP(V4, "udp"));
        (await flow.AskAsync()).ShouldComeFrom(Pod1, Pod2);
        await World.Proxy.KillAsync();

        World.Forget(removed);
        World.Write(changed.Endpoints(Remote1), added, drained.Annotate("weights", "{}"));
        await RestartAsync();
        foreach (var target in changed.Frontends(V4, "tcp").Concat(changed.Frontends(V6, "udp")))
        {
            await ShouldSpreadOverAsync(Client, target, Remote1);
        }

        (await flow.AskAsync()).ShouldComeFrom(Remote1);
        foreach (var target in added.Frontends(V4, "tcp"))
        {
            (await Client.AskAsync(target)).ShouldComeFrom(Pod3);
        }

        foreach (var target in removed.Frontends(V4, "tcp").Concat(removed.Frontends(V6, "udp")))
        {
            (await Client.AskAsync(target)).ShouldNotBeServed();
        }

        await ShouldSpreadOverAsync(Client, drained.ClusterIP(), Pod1, Pod2);
    });

    [Fact]
    public Task It_stops_in_time_when_told_to() => HoldsAsync(async () =>
    {
        var web = Everything();
        await World.ApplyAsync(web);
        using var connection = await Client.ConnectAsync(web.ClusterIP(V4, "tcp"));
        var clock = System.Diagnostics.Stopwatch.StartNew();
        await World.Proxy.TerminateAsync();
        Assert.True(clock.Elapsed < Pace.Limit(6), $"it took {clock.Elapsed}");
        await RestartAsync();
    });

    private ServiceSpec Everything() => Service("web").TcpAndUdp().AllFrontends().Endpoints(Pod1, Remote1);

    private async Task RestartAsync()
    {
        World.StartProxy();
        await World.SettleAsync();
    }

    private async Task ServesAfterAsync(Func<Proxy, Task> end)
    {
        var web = Everything();
        await World.ApplyAsync(web);
        (await Client.AskAsync(web.ClusterIP(V4, "tcp"))).ShouldComeFrom(Pod1, Remote1);
        await end(World.Proxy);
        await RestartAsync();
        foreach (var target in web.Frontends(V4, "tcp").Concat(web.Frontends(V6, "udp")))
        {
            (await Client.AskAsync(target)).ShouldComeFrom(Pod1, Remote1);
        }
    }
}
