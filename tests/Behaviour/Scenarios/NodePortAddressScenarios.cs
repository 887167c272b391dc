using System.Net;
using ProxyFramework.Behaviour.Suite;
using ProxyFramework.Behaviour.Testbed;
using Xunit;

namespace ProxyFramework.Behaviour.Scenarios;

/// <summary>Node ports on the addresses that the operator chose, and on no other.</summary>
[Semantics("Frontends of a service port")]
public abstract class ChosenNodePortAddressScenarios<TWorld>(TWorld world) : ScenarioBase<TWorld>(world)
    where TWorld : World
{
    [Fact]
    public Task Node_ports_are_served_on_the_chosen_addresses_and_refused_on_others() => HoldsAsync(async () =>
    {
        var web = Service("web").TcpAndUdp().NodePort().Endpoints(Pod1, Remote1);
        await World.ApplyAsync(web);
        foreach (var family in Families.Both)
        {
            foreach (var port in new[] { "tcp", "udp" })
            {
                foreach (var from in new[] { Client, Pod2, Node })
                {
                    (await from.AskAsync(web.NodePort(NodeAddress(family), port))).ShouldComeFrom(Pod1, Remote1);
                    (await from.AskAsync(web.NodePort(NodeAddressTowardsClient(family), port))).ShouldBeRefused();
                }
            }
        }
    });
}

public sealed class NodePortsByRangeScenarios(NodePortRangeWorld world) : ChosenNodePortAddressScenarios<NodePortRangeWorld>(world);

public sealed class PrimaryNodePortScenarios(PrimaryNodePortWorld world) : ChosenNodePortAddressScenarios<PrimaryNodePortWorld>(world);

/// <summary>Node ports on localhost: opt-in.</summary>
[Trap("k0s #5760")]
[Trap("#90259")]
public sealed class LocalhostNodePortScenarios(LocalhostNodePortWorld world) : ChosenNodePortAddressScenarios<LocalhostNodePortWorld>(world)
{
    [Fact]
    public Task Node_ports_on_localhost_work_in_both_families_when_asked_for() => HoldsAsync(async () =>
    {
        var web = Service("web").TcpAndUdp().NodePort().Endpoints(Pod1, Remote1);
        await World.ApplyAsync(web);
        foreach (var port in new[] { "tcp", "udp" })
        {
            await ShouldSpreadOverAsync(Node, web.NodePort(IPAddress.Loopback, port), Pod1, Remote1);
            await ShouldSpreadOverAsync(Node, web.NodePort(IPAddress.IPv6Loopback, port), Pod1, Remote1);
        }
    });

    [Fact]
    public Task Neighbours_cannot_reach_the_nodes_loopback() => HoldsAsync(async () =>
    {
        var web = Service("web").Port().NodePort().Endpoints(Pod1);
        await World.ApplyAsync(web);
        await Client.Namespace.IpAsync($"route add 127.0.0.1/32 via {NodeAddressTowardsClient(V4)} table 100", "rule add to 127.0.0.1 lookup 100 priority 1");
        try
        {
            Client.Namespace.Sysctl("net.ipv4.conf.all.route_localnet=1");
            (await Client.AskBrieflyAsync(web.NodePort(IPAddress.Loopback))).ShouldNotBeServed();
            foreach (var device in new[] { "all", "default", "lo", "eth0", "eth1" })
            {
                Assert.Equal("0", Node.Namespace.ReadSysctl($"net.ipv4.conf.{device}.route_localnet"));
            }
        }
        finally
        {
            await Client.Namespace.IpAsync("rule del priority 1");
        }
    });
}
