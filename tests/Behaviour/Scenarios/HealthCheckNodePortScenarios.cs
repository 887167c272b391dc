using System.Text.Json.Nodes;
using ProxyFramework.Behaviour.Suite;
using ProxyFramework.Behaviour.Testbed;
using Xunit;

namespace ProxyFramework.Behaviour.Scenarios;

/// <summary>What a cloud's load balancer asks the node.</summary>
[Semantics("healthCheckNodePort")]
public sealed class HealthCheckNodePortScenarios(StandardWorld world) : ScenarioBase<StandardWorld>(world)
{
    [Fact]
    public Task It_tells_the_number_of_local_endpoints() => HoldsAsync(async () =>
    {
        var web = Service("web").Port().LoadBalancer().External("Local").WithHealthCheckNodePort().Endpoints(Pod1, Pod2, Remote1);
        await World.ApplyAsync(web);
        await ShouldAnswerAsync(web, V4, 200, 2);
        await ShouldAnswerAsync(web, V6, 200, 2);

        await World.ApplyAsync(web.Endpoints(Pod3, Remote1));
        await ShouldAnswerAsync(web, V4, 200, 1);

        await World.ApplyAsync(web.Endpoints(Remote1));
        await ShouldAnswerAsync(web, V4, 503, 0);

        await World.ApplyAsync(web.NoEndpoints());
        await ShouldAnswerAsync(web, V4, 503, 0);
    });

    [Fact]
    public Task Terminating_endpoints_do_not_count() => HoldsAsync(async () =>
    {
        var web = Service("web").Port().LoadBalancer().External("Local").WithHealthCheckNodePort()
            .Endpoints(EndpointSpec.Terminates(Pod1), EndpointSpec.Of(Pod2));
        await World.ApplyAsync(web);
        await ShouldAnswerAsync(web, V4, 200, 1);
        await World.ApplyAsync(web.Endpoints(EndpointSpec.Terminates(Pod1)));
        await ShouldAnswerAsync(web, V4, 503, 0);
        (await Client.AskAsync(web.LoadBalancerIP())).ShouldComeFrom(Pod1);
    });

    [Fact]
    public Task It_closes_with_the_service_and_is_not_there_under_cluster_policy() => HoldsAsync(async () =>
    {
        var web = Service("web").Port().LoadBalancer().External("Local").WithHealthCheckNodePort().Endpoints(Pod1);
        await World.ApplyAsync(web);
        await ShouldAnswerAsync(web, V4, 200, 1);
        await World.ApplyAsync(web.External("Cluster"));
        await Eventually.HoldsAsync(async () => Assert.Equal(OutcomeKind.Refused, await ReachAsync(HealthCheck(web, V4))));
        await World.ApplyAsync(web.External("Local"));
        await ShouldAnswerAsync(web, V4, 200, 1);
        await World.RemoveAsync(web);
        await Eventually.HoldsAsync(async () => Assert.Equal(OutcomeKind.Refused, await ReachAsync(HealthCheck(web, V4))));
    });

    private static Target HealthCheck(ServiceSpec service, Family family) => new(NodeAddress(family), service.HealthCheckNodePort!.Value);

    private async Task ShouldAnswerAsync(ServiceSpec service, Family family, int status, int endpoints) => await Eventually.HoldsAsync(async () =>
    {
        Assert.NotEqual(OutcomeKind.Refused, await ReachAsync(HealthCheck(service, family)));
        var (head, body) = await Client.HttpGetAsync(HealthCheck(service, family), "/");
        Assert.Equal($"HTTP/1.1 {status}", head[..12]);
        Assert.Contains($"X-Load-Balancing-Endpoint-Weight: {endpoints}", head.Split("\r\n"), StringComparer.OrdinalIgnoreCase);
        var json = JsonNode.Parse(body)!;
        Assert.Equal("default", (string?)json["service"]!["namespace"]);
        Assert.Equal(service.Name, (string?)json["service"]!["name"]);
        Assert.Equal(endpoints, (int?)json["localEndpoints"]);
        Assert.True((bool?)json["serviceProxyHealthy"]);
    });

    private async Task<OutcomeKind> ReachAsync(Target target)
    {
        try
        {
            using var connection = await Client.ConnectAsync(target);
            return OutcomeKind.Answered;
        }
        catch (System.Net.Sockets.SocketException)
        {
            return OutcomeKind.Refused;
        }
    }
}
