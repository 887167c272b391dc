using ProxyFramework.Behaviour.Suite;
using ProxyFramework.Behaviour.Testbed;
using Xunit;

namespace ProxyFramework.Behaviour.Scenarios;

/// <summary>The same client goes to the same endpoint, as long as there is that endpoint.</summary>
[Semantics("Session affinity")]
public sealed class SessionAffinityScenarios(StandardWorld world) : ScenarioBase<StandardWorld>(world)
{
    /// <summary>Seconds; IPVS remembers a connection that was reset for 10 (tcp_timeouts in ip_vs_proto_tcp.c).</summary>
    private const int LongerThanClosed = 12;

    [Fact]
    [Trap("#52626")]
    public Task A_client_stays_with_its_endpoint_at_every_frontend() => HoldsAsync(async () =>
    {
        var web = Service("web").TcpAndUdp().AllFrontends().Affinity().Endpoints(Pod1, Pod2, Pod3, Remote1);
        await World.ApplyAsync(web);
        foreach (var (family, port) in new[] { (V4, "tcp"), (V4, "udp"), (V6, "tcp"), (V6, "udp") })
        {
            foreach (var target in web.Frontends(family, port))
            {
                await ShouldStayAsync(Client, target);
            }
        }

        await ShouldStayAsync(Pod2, web.ClusterIP(V4, "tcp"));
        await ShouldStayAsync(Node, web.ClusterIP(V4, "udp"));
    });

    [Fact]
    [Trap("#52626")]
    public Task It_holds_under_local_policies() => HoldsAsync(async () =>
    {
        var web = Service("web").TcpAndUdp().AllFrontends().External("Local").Internal("Local").Affinity().Endpoints(Pod1, Pod2, Pod3, Remote1);
        await World.ApplyAsync(web);
        foreach (var (family, port) in new[] { (V4, "tcp"), (V6, "udp") })
        {
            foreach (var target in web.Frontends(family, port))
            {
                (await ShouldStayAsync(Client, target)).ShouldComeFrom(Pod1, Pod2, Pod3);
            }
        }
    });

    [Fact]
    public Task Different_clients_are_spread() => HoldsAsync(async () =>
    {
        var web = Service("web").Port().Affinity().Endpoints(Pod1, Pod2);
        await World.ApplyAsync(web);
        var chosen = new HashSet<string>();
        foreach (var client in World.Clients)
        {
            chosen.Add((await ShouldStayAsync(client, web.ClusterIP(), times: 4)).Server);
        }

        Assert.Equal(2, chosen.Count);
    });

    [Fact]
    [Trap("#110302")]
    public Task It_ends_with_the_endpoint_at_once() => HoldsAsync(async () =>
    {
        var web = Service("web").TcpAndUdp().LoadBalancer().Affinity().Endpoints(Pod1);
        await World.ApplyAsync(web);
        foreach (var target in new[] { web.ClusterIP(V4, "tcp"), web.LoadBalancerIP(V4, "udp"), web.ClusterIP(V6, "tcp") })
        {
            (await Client.AskAsync(target)).ShouldComeFrom(Pod1);
        }

        await World.ApplyAsync(web.Endpoints(EndpointSpec.Unready(Pod1), EndpointSpec.Of(Pod2), EndpointSpec.Of(Pod3)));
        foreach (var target in new[] { web.ClusterIP(V4, "tcp"), web.LoadBalancerIP(V4, "udp"), web.ClusterIP(V6, "tcp") })
        {
            (await ShouldStayAsync(Client, target)).ShouldComeFrom(Pod2, Pod3);
        }
    });

    [Fact]
    public Task It_survives_updates_to_other_endpoints_and_services() => HoldsAsync(async () =>
    {
        var web = Service("web").Port().Affinity().Endpoints(Pod1, Pod2, Remote1);
        await World.ApplyAsync(web);
        var before = new Dictionary<Place, Outcome>();
        foreach (var client in World.Clients)
        {
            before[client] = await client.AskAsync(web.ClusterIP());
        }

        await World.ApplyAsync(web.Endpoints(Pod3, Remote2, Pod1, Pod2), Service("other").Port().Endpoints(Pod1));
        foreach (var (client, outcome) in before.Where(pair => pair.Value.IsFrom(Pod1) || pair.Value.IsFrom(Pod2)))
        {
            (await client.AskAsync(web.ClusterIP())).ShouldComeFromServer(outcome.Server);
        }
    });

    [Fact]
    public Task It_ends_when_its_time_has_passed_since_the_last_connection() => HoldsAsync(async () =>
    {
        var web = Service("web").Port().Affinity(timeoutSeconds: 4 * Pace.Factor).Endpoints(Pod1, Pod2, Pod3);
        await World.ApplyAsync(web);
        var before = await AskAllAsync(web.ClusterIP());

        // Within its time, each connection renews it.
        for (var i = 0; i < 3; i++)
        {
            await Task.Delay(Pace.Seconds(1.5));
            Assert.Equal(before, await AskAllAsync(web.ClusterIP()));
        }

        // After it, 16 clients do not all fall on the same endpoints again.
        await Task.Delay(Pace.Seconds(5.5));
        Assert.NotEqual(before, await AskAllAsync(web.ClusterIP()));
    });

    [Fact]
    [Trap("kube-router #910")]
    public Task Turned_on_off_or_given_another_time_it_changes_on_an_existing_service() =>
        HoldsAsync(
            () => ChangesAsync(Pace.Factor, Pace.Seconds(2.5), World.Clients),
            weaker: () => ChangesAsync(LongerThanClosed, TimeSpan.FromSeconds(LongerThanClosed * 1.5), [.. World.Clients.Skip(2)]));

    private async Task ChangesAsync(int timeoutSeconds, TimeSpan pause, IReadOnlyList<Place> clients)
    {
        var web = Service("web").Port().Endpoints(Pod1, Pod2, Pod3);
        await World.ApplyAsync(web);
        await ShouldSpreadOverAsync(Client, web.ClusterIP(), Pod1, Pod2, Pod3);

        await World.ApplyAsync(web.Affinity());
        await ShouldStayAsync(Client, web.ClusterIP());

        await World.ApplyAsync(web.Affinity(timeoutSeconds));
        var before = await AskAllAsync(web.ClusterIP(), clients);
        await Task.Delay(pause);
        Assert.NotEqual(before, await AskAllAsync(web.ClusterIP(), clients));

        web.AffinityTimeoutSeconds = null;
        await World.ApplyAsync(web);
        await ShouldSpreadOverAsync(Client, web.ClusterIP(), Pod1, Pod2, Pod3);
    }

    private async Task<string> AskAllAsync(Target target, IReadOnlyList<Place>? clients = null)
    {
        var servers = new List<string>();
        foreach (var client in clients ?? World.Clients)
        {
            servers.Add((await client.AskAsync(target)).ShouldComeFrom(World.Pods).Server);
        }

        return string.Join(' ', servers);
    }

    private static async Task<Outcome> ShouldStayAsync(Place from, Target target, int times = 12)
    {
        var first = await from.AskAsync(target);
        for (var i = 1; i < times; i++)
        {
            (await from.AskAsync(target)).ShouldComeFromServer(first.Server);
        }

        return first;
    }
}
