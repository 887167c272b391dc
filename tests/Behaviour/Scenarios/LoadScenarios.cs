using System.Globalization;
using ProxyFramework.Behaviour.Suite;
using ProxyFramework.Behaviour.Testbed;
using Xunit;

namespace ProxyFramework.Behaviour.Scenarios;

/// <summary>
/// Steady load by wrk, a connection for each request, while endpoints come and go some 20 times a second. Those that stay must not lose a
/// request, those that go are alive all the time, so none may fail. <c>SVCPROXY_LOAD_SECONDS</c> makes it longer.
/// </summary>
[Semantics("Connections")]
public sealed class LoadScenarios(StandardWorld world) : ScenarioBase<StandardWorld>(world)
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    private static int Seconds { get; } =
        int.TryParse(Environment.GetEnvironmentVariable("SVCPROXY_LOAD_SECONDS"), NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) ? seconds : 4 * Pace.Factor;

    [Fact]
    public Task Load_while_endpoints_come_and_go_has_no_error() => HoldsAsync(async () =>
    {
        var web = Service("web").Port().AllFrontends().Endpoints(Pod1, Remote1);
        await World.ApplyAsync(web);
        var load = LoadAsync(web, Seconds);
        await ChurnAsync(web, load);
        ShouldHaveNoError(await load);
        await World.ApplyAsync(web.Endpoints(Pod1, Remote1));
        await ShouldSpreadOverAsync(Client, web.ClusterIP(), Pod1, Remote1);
    });

    [Fact]
    [Trap("#75360")]
    public Task Load_while_the_proxy_is_killed_and_started_again_amid_changes_has_no_error() => HoldsAsync(async () =>
    {
        var web = Service("web").Port().AllFrontends().Endpoints(Pod1, Remote1);
        await World.ApplyAsync(web);
        var load = LoadAsync(web, Seconds + (4 * Pace.Factor));
        var churn = ChurnAsync(web, load);
        await Task.Delay(TimeSpan.FromSeconds(Seconds / 2.0));
        await World.Proxy.KillAsync();
        World.StartProxy();
        await churn;
        ShouldHaveNoError(await load);
        await World.ApplyAsync(web.Endpoints(Pod1, Remote1));
        await ShouldSpreadOverAsync(Client, web.ClusterIP(), Pod1, Remote1);
    });

    private async Task<string> LoadAsync(ServiceSpec web, int seconds)
    {
        var urls = new[] { web.ClusterIP(), web.NodePort(NodeAddress(V4)) };
        var reports = await Task.WhenAll(urls.Select(target => Client.Namespace.ExecAsync(
            "wrk", "-t1", "-c4", string.Create(CultureInfo.InvariantCulture, $"-d{seconds}s"), "-H", "Connection: close", target.Url)));
        return string.Join('\n', reports);
    }

    /// <summary>Takes endpoints in and out, two always stay, until the load ends.</summary>
    private async Task ChurnAsync(ServiceSpec web, Task load)
    {
        Pod[][] states = [[Pod1, Remote1, Pod2], [Pod1, Remote1, Pod3], [Pod1, Remote1], [Pod1, Remote1, Pod2, Pod3, Remote2]];
        for (var i = 0; !load.IsCompleted; i++)
        {
            World.Write(web.Endpoints(states[i % states.Length]));
            await Task.WhenAny(load, Task.Delay(Pause));
        }
    }

    private static void ShouldHaveNoError(string report)
    {
        Assert.DoesNotContain("Socket errors", report, StringComparison.Ordinal);
        Assert.DoesNotContain("Non-2xx", report, StringComparison.Ordinal);
        Assert.Contains("Requests/sec", report, StringComparison.Ordinal);
        TestContext.Current.TestOutputHelper?.WriteLine(report);
    }
}
