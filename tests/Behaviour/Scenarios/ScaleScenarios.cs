using System.Net;
using ProxyFramework.Behaviour.Suite;
using ProxyFramework.Behaviour.Testbed;
using Xunit;

namespace ProxyFramework.Behaviour.Scenarios;

/// <summary>Many endpoints, many slices, many changes at once.</summary>
public sealed class ScaleScenarios(StandardWorld world) : ScenarioBase<StandardWorld>(world)
{
    private const int CrowdPort = 8081;

    [Fact]
    [Trap("#99299")]
    public Task A_thousand_endpoints_in_many_slices_are_all_used_and_a_fast_rollout_ends_right() => HoldsAsync(async () =>
    {
        await using var crowd = new IdentityServer("crowd");
        World.CrowdNamespace.Run(() =>
        {
            crowd.ListenTcp(IPAddress.Any, CrowdPort);
            return true;
        });
        var old = Crowd(4).ToArray();
        var replacement = Crowd(6).ToArray();
        var web = Service("web").Only(V4).Port(80, CrowdPort).Endpoints(old.Concat(replacement));
        web.SliceSize = 90;
        await World.ApplyAsync(web);
        await ShouldUseAsync(web, [.. old, .. replacement]);

        // A rollout: each step replaces a part, and the next comes before the last is in force.
        for (var step = 0; step < 10; step++)
        {
            World.Write(web.Endpoints(old.Skip(step * old.Length / 10).Concat(replacement.Take(step * old.Length / 10))));
        }

        await World.ApplyAsync(web.Endpoints(replacement));
        await ShouldUseAsync(web, replacement);
    });

    [Fact]
    [Trap("#128928")]
    public Task Renamed_slices_change_nothing_for_traffic() => HoldsAsync(async () =>
    {
        var web = Service("web").TcpAndUdp().Endpoints(Pod1, Pod2, Remote1);
        web.SliceSize = 1;
        await World.ApplyAsync(web);
        await using var traffic = Traffic.Start(Client, web.ClusterIP(V4, "tcp"), web.ClusterIP(V6, "tcp"), web.ClusterIP(V4, "udp"));
        for (var i = 0; i < 8; i++)
        {
            web.SliceSuffix = "r" + i;
            await World.ApplyAsync(web);
        }

        await ShouldSpreadOverAsync(Client, web.ClusterIP(V4, "tcp"), Pod1, Pod2, Remote1);
        await traffic.ShouldHaveHadNoFailureAsync();
    });

    [Fact]
    [Trap("#47865")]
    public Task An_idle_proxy_writes_no_log() => HoldsAsync(async () =>
    {
        await World.ApplyAsync(Service("web").TcpAndUdp().AllFrontends().Endpoints(Pod1, Remote1));
        var quiet = false;
        for (var attempt = 0; attempt < 5 && !quiet; attempt++)
        {
            var before = World.Proxy.Log.Count;
            await Task.Delay(TimeSpan.FromSeconds(2));
            quiet = World.Proxy.Log.Count == before;
        }

        Assert.True(quiet, $"there is something new in the log every 2 s:\n{World.Proxy.Tail()}");
    });

    [Fact]
    [Trap("#47865")]
    public Task The_log_of_a_change_does_not_grow_with_the_number_of_services() => HoldsAsync(async () =>
    {
        var web = Service("web").Port().Endpoints(Pod1);
        await World.ApplyAsync([web, .. Enumerable.Range(0, 300).Select(_ => Service("many").Port().Endpoints(Pod2))]);
        var before = World.Proxy.Log.Count;
        for (var i = 0; i < 5; i++)
        {
            await World.ApplyAsync(web.Endpoints(i % 2 == 0 ? Pod2 : Pod1));
        }

        Assert.InRange(World.Proxy.Log.Count - before, 0, 50);
    });

    /// <summary>500 addresses of the crowd, fewer where the machine is slow: <c>10.244.N.1</c> and on.</summary>
    private static IEnumerable<EndpointSpec> Crowd(int third) => Enumerable.Range(0, 500 / Pace.Factor)
        .Select(i => IPAddress.Parse($"10.244.{third + (i / 250)}.{1 + (i % 250)}"))
        .Select(address => new EndpointSpec($"crowd-{address}", Testbed.World.OtherNodeName, address, null));

    /// <summary>By many requests: no other endpoint answers, and, even where each is picked at random, most of them do.</summary>
    private async Task ShouldUseAsync(ServiceSpec service, EndpointSpec[] endpoints)
    {
        var allowed = endpoints.Select(endpoint => endpoint.IPv4!).ToHashSet();
        var seen = new HashSet<IPAddress>();
        foreach (var outcome in await Client.AskManyAsync(service.ClusterIP(), 3 * endpoints.Length))
        {
            var address = outcome.ShouldComeFromServer("crowd").ServerEndPoint!.Address;
            Assert.Contains(address, allowed);
            seen.Add(address);
        }

        Assert.InRange(seen.Count, endpoints.Length * 85 / 100, endpoints.Length);
    }
}
