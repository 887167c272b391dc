using ProxyFramework.Behaviour.Suite;
using ProxyFramework.Behaviour.Testbed;
using Xunit;

namespace ProxyFramework.Behaviour.Scenarios;

/// <summary>A node of its own: what it is like before the proxy first started must be known.</summary>
public sealed class ModeSwitchWorld() : World(new WorldOptions())
{
    public NodeSnapshot Before { get; private set; } = null!;

    protected override async Task PrepareAsync() => Before = await NodeSnapshot.TakeAsync(Node.Namespace);
}

/// <summary>
/// A live node changes to another mode and back: the proxy is started anew with the other <c>--mode</c>, and when everything is in force
/// <c>svcproxy cleanup --mode=…</c> removes what the former left.
/// </summary>
public sealed class ModeSwitchScenarios(ModeSwitchWorld world) : ScenarioBase<ModeSwitchWorld>(world)
{
    [Fact]
    public Task Switching_to_another_mode_and_back_fails_no_request_and_leaves_nothing_of_either() => HoldsAsync(async () =>
    {
        var (mode, other) = (TestedBackend.Mode, TestedBackend.Mode == "nftables" ? "iptables" : "nftables");
        var web = Service("web").TcpAndUdp().AllFrontends().Endpoints(Pod1, Remote1);
        await World.ApplyAsync(web);
        await using var traffic = Traffic.Start(Client, [.. web.Frontends(V4, "tcp"), .. web.Frontends(V6, "tcp")]);
        await using var fromPod = Traffic.Start(Pod2, web.ClusterIP(V4, "tcp"), web.ClusterIP(V4, "udp"));
        await SwitchAsync(mode, other);
        await traffic.PassAsync(30);
        await SwitchAsync(other, mode);
        await traffic.PassAsync(30);
        await traffic.ShouldHaveHadNoFailureAsync();
        await fromPod.ShouldHaveHadNoFailureAsync();
        await World.ApplyAsync(web.Endpoints(Pod2));
        await ShouldSpreadOverAsync(Client, web.LoadBalancerIP(V4, "tcp"), Pod2);

        await World.Proxy.TerminateAsync();
        await CleanUpAsync(mode);
        var after = await NodeSnapshot.TakeAsync(Node.Namespace);
        foreach (var part in World.Before.Parts.Keys)
        {
            var (before, now) = (Content(World.Before.Parts[part]), Content(after.Parts[part]));
            Assert.True(before == now, $"{part} differs after cleanup.\nBefore:\n{before}\nAfter:\n{now}");
        }
    });

    /// <summary>Without the empty tables that the iptables programs leave, whoever runs them: legacy ones last as long as the namespace.</summary>
    private static string Content(string part) => string.Join('\n', part.Split('\n').Where(static line =>
        line is not ("" or "}" or "COMMIT")
        && !line.StartsWith("table ", StringComparison.Ordinal)
        && !line.StartsWith('*')
        && !(line.StartsWith(':') && line.Contains(" ACCEPT", StringComparison.Ordinal))));

    private async Task SwitchAsync(string from, string to)
    {
        await World.Proxy.TerminateAsync();
        World.StartProxy(to);
        Assert.True(
            await Eventually.TrueAsync(() => Task.FromResult(World.Proxy.Log.Any(line => line.Contains("in force", StringComparison.Ordinal))), givenUp: () => World.Proxy.HasExited),
            $"mode {to} has nothing in force:\n{World.Proxy.Tail()}");
        await CleanUpAsync(from);
        await World.SettleAsync();
    }

    private async Task CleanUpAsync(string mode)
    {
        var (exitCode, output, error) = await Proxy.CleanupAsync(Node.Namespace, mode);
        Assert.True(exitCode == 0, $"cleanup of {mode}: exit code {exitCode}: {output}{error}");
    }
}
