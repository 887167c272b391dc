using ProxyFramework.Behaviour.Suite;
using ProxyFramework.Behaviour.Testbed;
using Xunit;

namespace ProxyFramework.Behaviour.Scenarios;

/// <summary>Ready, serving, terminating: who takes new connections.</summary>
[Semantics("Endpoint conditions")]
public sealed class EndpointConditionScenarios(StandardWorld world) : ScenarioBase<StandardWorld>(world)
{
    [Fact]
    public Task An_unready_endpoint_takes_no_connection() => HoldsAsync(async () =>
    {
        var web = Service("web").TcpAndUdp().Endpoints(EndpointSpec.Of(Pod1), EndpointSpec.Unready(Pod2), EndpointSpec.Of(Remote1));
        await World.ApplyAsync(web);
        await ShouldSpreadOverAsync(Client, web.ClusterIP(V4, "tcp"), Pod1, Remote1);
        await ShouldSpreadOverAsync(Client, web.ClusterIP(V6, "udp"), Pod1, Remote1);
    });

    [Fact]
    public Task A_condition_that_is_absent_counts_as_ready() => HoldsAsync(async () =>
    {
        var web = Service("web").Port().Endpoints(EndpointSpec.Of(Pod1) with { Ready = null }, EndpointSpec.Unready(Pod2));
        await World.ApplyAsync(web);
        await ShouldSpreadOverAsync(Client, web.ClusterIP(), Pod1);
    });

    [Fact]
    public Task An_endpoint_that_becomes_ready_takes_connections() => HoldsAsync(async () =>
    {
        var web = Service("web").Port().Endpoints(EndpointSpec.Of(Pod1), EndpointSpec.Unready(Pod2));
        await World.ApplyAsync(web);
        await ShouldSpreadOverAsync(Client, web.ClusterIP(), Pod1);
        await World.ApplyAsync(web.Endpoints(Pod1, Pod2));
        await ShouldSpreadOverAsync(Client, web.ClusterIP(), Pod1, Pod2);
    });

    [Fact]
    [Semantics("Choosing endpoints")]
    public Task Terminating_endpoints_that_serve_are_used_only_where_none_is_ready() => HoldsAsync(async () =>
    {
        var web = Service("web").TcpAndUdp().AllFrontends().Endpoints(EndpointSpec.Of(Pod1), EndpointSpec.Terminates(Pod2), EndpointSpec.Unready(Pod3));
        await World.ApplyAsync(web);
        await ShouldSpreadOverAsync(Client, web.ClusterIP(V4, "tcp"), Pod1);
        await ShouldSpreadOverAsync(Client, web.LoadBalancerIP(V6, "udp"), Pod1);

        await World.ApplyAsync(web.Endpoints(
            EndpointSpec.Terminates(Pod1, serving: false), EndpointSpec.Terminates(Pod2), EndpointSpec.Unready(Pod3), EndpointSpec.Terminates(Remote1)));
        await ShouldSpreadOverAsync(Client, web.ClusterIP(V4, "tcp"), Pod2, Remote1);
        await ShouldSpreadOverAsync(Client, web.LoadBalancerIP(V6, "udp"), Pod2, Remote1);
        await ShouldSpreadOverAsync(Client, web.NodePort(NodeAddress(V4), "tcp"), Pod2, Remote1);

        await World.ApplyAsync(web.Endpoints(EndpointSpec.Terminates(Pod1, serving: false), EndpointSpec.Unready(Pod3)));
        (await Client.AskAsync(web.ClusterIP(V4, "tcp"))).ShouldBeRefused();
    });

    [Fact]
    [Semantics("Choosing endpoints")]
    public Task Under_local_policy_the_terminating_fallback_is_taken_among_local_endpoints() => HoldsAsync(async () =>
    {
        var web = Service("web").TcpAndUdp().AllFrontends().External("Local")
            .Endpoints(EndpointSpec.Terminates(Pod1), EndpointSpec.Of(Remote1), EndpointSpec.Terminates(Pod2, serving: false));
        await World.ApplyAsync(web);
        await ShouldSpreadOverAsync(Client, web.LoadBalancerIP(V4, "tcp"), Pod1);
        await ShouldSpreadOverAsync(Client, web.NodePort(NodeAddress(V6), "udp"), Pod1);
        await ShouldSpreadOverAsync(Client, web.ClusterIP(V4, "tcp"), Remote1);
    });
}
