using ProxyFramework.Behaviour.Suite;
using ProxyFramework.Behaviour.Testbed;
using Xunit;

namespace ProxyFramework.Behaviour.Scenarios;

/// <summary>The annotations that choose a scheduler and weights.</summary>
[Semantics("Annotations this project adds")]
[Trap("#58329")]
public sealed class SchedulingScenarios(StandardWorld world) : ScenarioBase<StandardWorld>(world)
{
    [Fact]
    public Task Weights_give_each_endpoint_its_share() => HoldsAsync(async () =>
    {
        var web = Service("web").Port().Annotate("scheduler", "wrr").Endpoints(Pod1, Pod2);
        web.Annotate("weights", $$"""{"{{Pod1.IPv4}}": 3, "{{Pod2.Name}}": 1}""");
        await World.ApplyAsync(web);
        Assert.InRange(await ShareOfPod1Async(web), 0.65, 0.85);

        await World.ApplyAsync(web.Annotate("weights", $$"""{"{{Pod1.Name}}": 1, "{{Pod2.IPv4}}": 3}"""));
        Assert.InRange(await ShareOfPod1Async(web), 0.15, 0.35);
    });

    [Fact]
    public Task A_weight_of_zero_drains_without_cutting() => HoldsAsync(async () =>
    {
        var web = Service("web").Port().Endpoints(Pod1);
        await World.ApplyAsync(web);
        using var connection = await Client.ConnectAsync(web.ClusterIP());
        await World.ApplyAsync(web.Endpoints(Pod1, Pod2).Annotate("weights", $$"""{"{{Pod1.Name}}": 0}"""));
        await ShouldSpreadOverAsync(Client, web.ClusterIP(), Pod2);
        (await connection.AskAsync()).ShouldComeFrom(Pod1);
        await World.ApplyAsync(web.Annotate("weights", "{}"));
        await ShouldSpreadOverAsync(Client, web.ClusterIP(), Pod1, Pod2);
    });

    [Fact]
    public Task Every_scheduler_uses_every_endpoint_or_is_replaced_with_a_message() => HoldsAsync(async () =>
    {
        string[] schedulers =
        [
            "rr", "wrr", "random", "lc", "wlc", "sed", "nq", "p2c", "peak-ewma", "sh; port", "mh; port", "ring-hash; port", "ring-hash; port; bound=none",
        ];
        var services = schedulers.Select((scheduler, index) => Service($"scheduler-{index}").TcpAndUdp().Annotate("scheduler", scheduler).Endpoints(Pod1, Pod2, Remote1)).ToArray();
        await World.ApplyAsync(services);
        foreach (var service in services)
        {
            // Connections that stay open, so that those that count connections move on as well.
            var seen = new HashSet<string>();
            var open = new List<Connection>();
            for (var i = 0; i < 30; i++)
            {
                open.Add(await Client.ConnectAsync(service.ClusterIP(V4, "tcp")));
                seen.Add((await open[^1].AskAsync()).ShouldComeFrom(Pod1, Pod2, Remote1).Server);
            }

            open.ForEach(connection => connection.Dispose());
            Assert.True(seen.Count == 3, $"{service.Name}: only {string.Join(", ", seen)}");
        }
    });

    [Fact]
    public Task Hashing_keeps_a_client_at_its_endpoint() => HoldsAsync(async () =>
    {
        string[] schedulers = ["sh", "mh", "ring-hash; bound=none"];
        var services = schedulers.Select((scheduler, index) => Service($"hash-{index}").Port().Annotate("scheduler", scheduler).Endpoints(Pod1, Pod2, Remote1)).ToArray();
        await World.ApplyAsync(services);
        foreach (var service in services)
        {
            Assert.Single((await Client.AskManyAsync(service.ClusterIP(), 20)).Select(outcome => outcome.ShouldComeFrom(Pod1, Pod2, Remote1).Server).Distinct());
        }
    });

    [Fact]
    public Task Failover_uses_the_heaviest_endpoint_and_then_the_next() => HoldsAsync(async () =>
    {
        var web = Service("web").Port().Annotate("scheduler", "fo").Endpoints(Pod1, Pod2, Remote1);
        await World.ApplyAsync(web.Annotate("weights", $$"""{"{{Pod1.Name}}": 1, "{{Pod2.Name}}": 3, "{{Remote1.Name}}": 2}"""));
        await ShouldSpreadOverAsync(Client, web.ClusterIP(), Pod2);
        await World.ApplyAsync(web.Endpoints(Pod1, Remote1));
        await ShouldSpreadOverAsync(Client, web.ClusterIP(), Remote1);
    });

    [Fact]
    public Task An_unknown_scheduler_is_reported_and_the_default_serves() => HoldsAsync(async () =>
    {
        var web = Service("web").Port().Annotate("scheduler", "no-such-scheduler").Endpoints(Pod1, Pod2);
        await World.ApplyAsync(web);
        await ShouldSpreadOverAsync(Client, web.ClusterIP(), Pod1, Pod2);
        Assert.True(
            await Eventually.TrueAsync(() => Task.FromResult(
                World.Proxy.Log.Any(line => line.Contains("no-such-scheduler", StringComparison.Ordinal) && line.Contains(web.Name, StringComparison.Ordinal)))),
            $"no line of the log names the service and the scheduler:\n{World.Proxy.Tail()}");
    });

    private async Task<double> ShareOfPod1Async(ServiceSpec service)
    {
        var outcomes = await Client.AskManyAsync(service.ClusterIP(), 400);
        return outcomes.Count(outcome => outcome.ShouldComeFrom(Pod1, Pod2).IsFrom(Pod1)) / (double)outcomes.Count;
    }
}
