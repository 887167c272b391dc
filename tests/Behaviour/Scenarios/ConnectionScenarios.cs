using ProxyFramework.Behaviour.Suite;
using ProxyFramework.Behaviour.Testbed;
using Xunit;

namespace ProxyFramework.Behaviour.Scenarios;

/// <summary>Established connections go on; new ones follow the new state; changes lose no request.</summary>
[Semantics("Connections")]
public sealed class ConnectionScenarios(StandardWorld world) : ScenarioBase<StandardWorld>(world)
{
    [Fact]
    [Trap("#57841")]
    public Task A_removed_endpoint_takes_no_new_connection_but_keeps_established_ones() => HoldsAsync(async () =>
        await LeavesAsync([EndpointSpec.Of(Pod2)]));

    [Fact]
    public Task A_terminating_endpoint_takes_no_new_connection_but_keeps_established_ones() => HoldsAsync(async () =>
        await LeavesAsync([EndpointSpec.Terminates(Pod1), EndpointSpec.Of(Pod2)]));

    [Fact]
    public Task An_endpoint_that_becomes_unready_takes_no_new_connection_but_keeps_established_ones() => HoldsAsync(async () =>
        await LeavesAsync([EndpointSpec.Unready(Pod1), EndpointSpec.Of(Pod2)]));

    [Fact]
    public Task An_established_connection_outlives_the_last_endpoint() => HoldsAsync(async () => await LeavesAsync([]));

    [Fact]
    public Task Changes_of_scheduler_weights_affinity_and_other_endpoints_break_no_connection() => HoldsAsync(async () =>
    {
        var web = Service("web").Port().AllFrontends().Endpoints(Pod1);
        await World.ApplyAsync(web);
        using var connection = await Client.ConnectAsync(web.ClusterIP());
        using var nodePort = await Client.ConnectAsync(web.NodePort(NodeAddress(V6)));
        using var fromPod = await Pod2.ConnectAsync(web.LoadBalancerIP());
        Func<ServiceSpec>[] changes =
        [
            () => web.Endpoints(Pod1, Pod2, Remote1),
            () => web.Annotate("scheduler", "random"),
            () => web.Annotate("scheduler", "wrr"),
            () => web.Annotate("weights", $$"""{"{{Pod1.IPv4}}": 1, "{{Pod2.IPv4}}": 7}"""),
            () => web.Affinity(),
            () => web.Port(8443, Pod.AdminPort),
            () => web.External("Local"),
            () => web.Endpoints(Pod1),
        ];
        foreach (var change in changes)
        {
            await World.ApplyAsync(change());
            (await connection.AskAsync()).ShouldComeFrom(Pod1);
            (await nodePort.AskAsync()).ShouldComeFrom(Pod1);
            (await fromPod.AskAsync()).ShouldComeFrom(Pod1);
        }
    });

    [Fact]
    public Task Endpoints_that_come_and_go_cost_no_request() => HoldsAsync(async () =>
    {
        var web = Service("web").Port().AllFrontends().Endpoints(Pod1);
        await World.ApplyAsync(web);
        await using var traffic = Traffic.Start(Client, [.. web.Frontends(V4), .. web.Frontends(V6)]);
        await using var fromPod = Traffic.Start(Pod3, web.ClusterIP(), web.ClusterIP(V6));
        for (var i = 0; i < 12; i++)
        {
            await World.ApplyAsync(web.Endpoints((i % 4) switch
            {
                0 => [Pod1, Pod2],
                1 => [Pod2, Remote1],
                2 => [Remote1, Remote2, Pod1],
                _ => [Pod1],
            }));
        }

        await traffic.ShouldHaveHadNoFailureAsync();
        await fromPod.ShouldHaveHadNoFailureAsync();
    });

    [Fact]
    public Task Other_services_that_come_and_go_cost_no_request() => HoldsAsync(async () =>
    {
        var web = Service("web").Port().AllFrontends().Endpoints(Pod1, Remote1);
        await World.ApplyAsync(web);
        await using var traffic = Traffic.Start(Client, [.. web.Frontends(V4), .. web.Frontends(V6)]);
        for (var i = 0; i < 5; i++)
        {
            var others = Enumerable.Range(0, 10).Select(_ => Service("other").TcpAndUdp().AllFrontends().Endpoints(Pod2)).ToArray();
            await World.ApplyAsync(others);
            await World.RemoveAsync(others);
        }

        await traffic.ShouldHaveHadNoFailureAsync();
    });

    [Fact]
    public Task Load_by_wrk_over_many_connections_has_no_error() => HoldsAsync(async () =>
    {
        var web = Service("web").Port().Endpoints(Pod1, Pod2, Remote1);
        await World.ApplyAsync(web);
        var report = await Client.Namespace.ExecAsync("wrk", "-t1", "-c16", "-d2s", web.ClusterIP().Url);
        Assert.DoesNotContain("Socket errors", report, StringComparison.Ordinal);
        Assert.DoesNotContain("Non-2xx", report, StringComparison.Ordinal);
        Assert.Contains("Requests/sec", report, StringComparison.Ordinal);
        var pages = await Client.Namespace.ExecAsync("curl", "-sSg", "--no-keepalive", "-H", "Connection: close", web.ClusterIP(V6).Url, web.ClusterIP().Url);
        Assert.Equal(2, pages.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
    });

    private async Task LeavesAsync(EndpointSpec[] after)
    {
        var web = Service("web").Port().AllFrontends().Endpoints(Pod1);
        await World.ApplyAsync(web);
        using var connection = await Client.ConnectAsync(web.ClusterIP());
        using var loadBalancer = await Client.ConnectAsync(web.LoadBalancerIP(V6));
        using var fromPod = await Pod3.ConnectAsync(web.ClusterIP(V6));
        using var fromNode = await Node.ConnectAsync(web.ClusterIP());
        Connection[] all = [connection, loadBalancer, fromPod, fromNode];
        foreach (var established in all)
        {
            (await established.AskAsync()).ShouldComeFrom(Pod1);
        }

        await World.ApplyAsync(web.Endpoints(after));
        foreach (var target in web.Frontends(V4))
        {
            var outcome = await Client.AskAsync(target);
            if (after.Length == 0)
            {
                outcome.ShouldBeRefused();
            }
            else
            {
                outcome.ShouldComeFrom(Pod2);
            }
        }

        foreach (var established in all)
        {
            (await established.AskAsync()).ShouldComeFrom(Pod1);
        }
    }
}
