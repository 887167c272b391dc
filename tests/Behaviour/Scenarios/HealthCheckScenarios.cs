using System.Diagnostics;
using ProxyFramework.Behaviour.Suite;
using ProxyFramework.Behaviour.Testbed;
using Xunit;

namespace ProxyFramework.Behaviour.Scenarios;

/// <summary>Health checks take away endpoints that Kubernetes calls ready and that do not work, whatever the mode.</summary>
[Semantics("Annotations this project adds")]
public sealed class HealthCheckScenarios(StandardWorld world) : ScenarioBase<StandardWorld>(world)
{
    private const string Often = "interval=200ms; timeout=200ms; fall=2; rise=2";

    [Fact]
    public Task A_third_that_accepts_and_does_not_answer_is_taken_out_in_time_and_back_in() => HoldsAsync(async () =>
    {
        var web = Service("web").Port().Annotate("health-check", $"http; {Often}").Endpoints(Pod1, Pod2, Pod3);
        await World.ApplyAsync(web);
        await ShouldSpreadOverAsync(Client, web.ClusterIP(), Pod1, Pod2, Pod3);
        await WhileHungAsync(Pod3, async () =>
        {
            // Two probes that fail, each an interval and a tenth after the other, and the time that they take: 0.64 s, and the machine's own.
            var clock = Stopwatch.StartNew();
            var (failed, inARow) = (0, 0);
            while (inARow < 20)
            {
                var isAnswered = (await Client.AskAsync(web.ClusterIP(), TimeSpan.FromMilliseconds(300))).Kind == OutcomeKind.Answered;
                failed += isAnswered ? 0 : 1;
                inARow = isAnswered ? inARow + 1 : 0;
                Assert.True(clock.Elapsed < TimeSpan.FromSeconds(10), $"still asked after {clock.Elapsed}; {failed} requests failed");
            }

            TestContext.Current.TestOutputHelper?.WriteLine($"taken out in {clock.Elapsed}; {failed} requests failed meanwhile: those that were sent to it");
            await ShouldSpreadOverAsync(Client, web.ClusterIP(), Pod1, Pod2);
            Assert.Contains(World.Proxy.Log, line => line.Contains("is sick", StringComparison.Ordinal) && line.Contains(web.Name, StringComparison.Ordinal));
        });
        await Eventually.HoldsAsync(() => ShouldSpreadOverAsync(Client, web.ClusterIP(), Pod1, Pod2, Pod3));
    });

    [Fact]
    public Task A_udp_server_that_does_not_reply_is_taken_out_and_back_in() => HoldsAsync(async () =>
    {
        var dns = Service("dns").TcpAndUdp().Annotate("health-check", $"udp; {Often}").Endpoints(Pod1, Pod2, Pod3);
        await World.ApplyAsync(dns);
        var target = dns.ClusterIP(V4, "udp");
        await ShouldSpreadOverAsync(Client, target, Pod1, Pod2, Pod3);
        await WhileHungAsync(Pod3, () => Eventually.HoldsAsync(() => ShouldSpreadOverAsync(Client, target, Pod1, Pod2)));
        await Eventually.HoldsAsync(() => ShouldSpreadOverAsync(Client, target, Pod1, Pod2, Pod3));
    });

    [Fact]
    public Task More_than_half_that_do_not_answer_are_used_rather_than_the_rest_overloaded() => HoldsAsync(async () =>
    {
        var web = Service("web").Port().Annotate("health-check", $"http; {Often}; path=/; status=404; port={Pod.AdminPort}").Endpoints(Pod1, Pod2, Pod3);
        await World.ApplyAsync(web);
        Assert.True(
            await Eventually.TrueAsync(() => Task.FromResult(World.Proxy.Log.Count(
                line => line.Contains("is sick", StringComparison.Ordinal) && line.Contains(web.Name, StringComparison.Ordinal)) == 6)),
            "every check finds another status than it is told to, in both families");
        await Eventually.HoldsAsync(() => ShouldSpreadOverAsync(Client, web.ClusterIP(), Pod1, Pod2, Pod3));
    });

    [Fact]
    public Task A_check_that_does_not_exist_is_reported_and_takes_nothing_away() => HoldsAsync(async () =>
    {
        var web = Service("web").Port().Annotate("health-check", "telepathy; interval=1s").Endpoints(Pod1, Pod2);
        await World.ApplyAsync(web);
        await ShouldSpreadOverAsync(Client, web.ClusterIP(), Pod1, Pod2);
        Assert.True(
            await Eventually.TrueAsync(() => Task.FromResult(World.Proxy.Log.Any(
                line => line.Contains("telepathy", StringComparison.Ordinal) && line.Contains(web.Name, StringComparison.Ordinal)))),
            $"no line of the log names the service and the check:\n{World.Proxy.Tail()}");
    });

    private static async Task WhileHungAsync(Pod pod, Func<Task> then)
    {
        pod.IsHung = true;
        try
        {
            await then();
        }
        finally
        {
            pod.IsHung = false;
        }
    }
}
