using ProxyFramework.Behaviour.Suite;
using ProxyFramework.Behaviour.Testbed;
using Xunit;

namespace ProxyFramework.Behaviour.Scenarios;

/// <summary>SCTP, over raw sockets: INIT and INIT ACK through the proxy.</summary>
[Semantics("Frontends of a service port")]
public sealed class SctpScenarios(StandardWorld world) : ScenarioBase<StandardWorld>(world)
{
    [Fact]
    public Task Associations_reach_an_endpoint_through_every_frontend() => HoldsAsync(async () =>
    {
        using var stop = new CancellationTokenSource();
        var servers = new[] { Pod1, Remote1 }.SelectMany(pod => Families.Both.Select(family => SctpProbe.ServeAsync(pod, family, stop.Token))).ToArray();
        try
        {
            var sigtran = Service("sigtran").Port(2905, 3905, Protocol.Sctp).AllFrontends().Endpoints(Pod1, Remote1);
            await World.ApplyAsync(sigtran);
            foreach (var family in Families.Both)
            {
                foreach (var target in sigtran.Frontends(family))
                {
                    (await Client.AskAsync(target)).ShouldComeFrom(Pod1, Remote1).ShouldReachPort(3905);
                }

                (await Pod2.AskAsync(sigtran.ClusterIP(family))).ShouldComeFrom(Pod1, Remote1).ShouldHaveSource(Pod2.Address(family));
            }
        }
        finally
        {
            await stop.CancelAsync();
            await Task.WhenAll(servers).ContinueWith(_ => { }, TaskScheduler.Default);
        }
    });

    [Fact]
    public Task An_sctp_port_does_not_disturb_the_others_of_its_service() => HoldsAsync(async () =>
    {
        var mixed = Service("mixed").Port(80).Port(2905, 3905, Protocol.Sctp).Endpoints(Pod1);
        await World.ApplyAsync(mixed);
        (await Client.AskAsync(mixed.ClusterIP())).ShouldComeFrom(Pod1);
    });
}
