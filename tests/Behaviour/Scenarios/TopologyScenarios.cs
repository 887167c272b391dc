using ProxyFramework.Behaviour.Suite;
using ProxyFramework.Behaviour.Testbed;
using Xunit;

namespace ProxyFramework.Behaviour.Scenarios;

/// <summary>Topology hints: the node is in zone-a.</summary>
[Semantics("Choosing endpoints")]
public sealed class TopologyScenarios(StandardWorld world) : ScenarioBase<StandardWorld>(world)
{
    [Fact]
    public Task Zone_hints_on_every_endpoint_keep_traffic_in_the_zone() => HoldsAsync(async () =>
    {
        var web = Service("web").TcpAndUdp().LoadBalancer()
            .Endpoints(InZone(Pod1, "zone-a"), InZone(Remote1, "zone-b"), InZone(Remote2, "zone-b", "zone-a"));
        await World.ApplyAsync(web);
        foreach (var from in new[] { Client, Node, Pod3 })
        {
            await ShouldSpreadOverAsync(from, web.ClusterIP(V4, "tcp"), Pod1, Remote2);
        }

        await ShouldSpreadOverAsync(Client, web.LoadBalancerIP(V6, "udp"), Pod1, Remote2);
    });

    [Fact]
    public Task Zone_hints_are_void_where_one_is_missing_or_none_is_for_this_zone() => HoldsAsync(async () =>
    {
        var missing = Service("missing").Port().Endpoints(InZone(Pod1, "zone-a"), InZone(Remote1, "zone-b"), EndpointSpec.Of(Remote2));
        var foreign = Service("foreign").Port().Endpoints(InZone(Pod1, "zone-b"), InZone(Remote1, "zone-c"));
        await World.ApplyAsync(missing, foreign);
        await ShouldSpreadOverAsync(Client, missing.ClusterIP(), Pod1, Remote1, Remote2);
        await ShouldSpreadOverAsync(Client, foreign.ClusterIP(), Pod1, Remote1);
    });

    [Fact]
    public Task An_unready_endpoint_without_hints_does_not_void_them() => HoldsAsync(async () =>
    {
        var web = Service("web").Port().Endpoints(InZone(Pod1, "zone-a"), InZone(Remote1, "zone-b"), EndpointSpec.Unready(Pod2));
        await World.ApplyAsync(web);
        await ShouldSpreadOverAsync(Client, web.ClusterIP(), Pod1);
    });

    [Fact]
    public Task Node_hints_come_before_zone_hints() => HoldsAsync(async () =>
    {
        var web = Service("web").Port().Endpoints(
            InZone(Pod1, "zone-a") with { NodeHints = ["node-1"] },
            InZone(Pod2, "zone-a") with { NodeHints = ["node-2"] },
            InZone(Remote1, "zone-b") with { NodeHints = ["node-2", "node-1"] });
        await World.ApplyAsync(web);
        await ShouldSpreadOverAsync(Client, web.ClusterIP(), Pod1, Remote1);

        // None for this node: back to the zones.
        await World.ApplyAsync(web.Endpoints(
            InZone(Pod1, "zone-a") with { NodeHints = ["node-2"] },
            InZone(Pod2, "zone-a") with { NodeHints = ["node-2"] },
            InZone(Remote1, "zone-b") with { NodeHints = ["node-3"] }));
        await ShouldSpreadOverAsync(Client, web.ClusterIP(), Pod1, Pod2);
    });

    [Fact]
    public Task Hints_do_not_apply_to_local_policies() => HoldsAsync(async () =>
    {
        var web = Service("web").Port().LoadBalancer().Internal("Local").External("Local")
            .Endpoints(InZone(Pod1, "zone-b"), InZone(Pod2, "zone-a"), InZone(Remote1, "zone-a"));
        await World.ApplyAsync(web);
        await ShouldSpreadOverAsync(Client, web.ClusterIP(), Pod1, Pod2);
        await ShouldSpreadOverAsync(Client, web.LoadBalancerIP(), Pod1, Pod2);
    });

    private static EndpointSpec InZone(Pod pod, params string[] zones) => EndpointSpec.Of(pod) with { ZoneHints = zones };
}
