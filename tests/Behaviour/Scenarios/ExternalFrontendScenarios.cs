using System.Net;
using ProxyFramework.Behaviour.Suite;
using ProxyFramework.Behaviour.Testbed;
using Xunit;

namespace ProxyFramework.Behaviour.Scenarios;

/// <summary>External IPs, load balancer IPs and node ports, where they are served and where not.</summary>
[Semantics("Frontends of a service port")]
public sealed class ExternalFrontendScenarios(StandardWorld world) : ScenarioBase<StandardWorld>(world)
{
    [Fact]
    public Task External_and_load_balancer_ips_and_node_ports_are_reached_from_everywhere() => HoldsAsync(async () =>
    {
        var web = Service("web").TcpAndUdp().AllFrontends().Endpoints(Pod1, Remote1);
        await World.ApplyAsync(web);
        foreach (var family in Families.Both)
        {
            foreach (var port in new[] { "tcp", "udp" })
            {
                foreach (var target in web.ExternalFrontends(family, port))
                {
                    foreach (var from in new[] { Client, Node, Pod2 })
                    {
                        await ShouldSpreadOverAsync(from, target, Pod1, Remote1);
                    }
                }
            }
        }
    });

    [Fact]
    public Task Node_ports_are_served_on_all_of_the_nodes_addresses() => HoldsAsync(async () =>
    {
        var web = Service("web").TcpAndUdp().NodePort().Endpoints(Pod1, Remote1);
        await World.ApplyAsync(web);
        foreach (var address in World.NodeAddresses)
        {
            foreach (var port in new[] { "tcp", "udp" })
            {
                (await Client.AskAsync(web.NodePort(address, port))).ShouldComeFrom(Pod1, Remote1);
                (await Remote2.AskAsync(web.NodePort(address, port))).ShouldComeFrom(Pod1, Remote1);
            }
        }
    });

    [Fact]
    [Trap("#90259")]
    public Task Node_ports_are_not_served_on_localhost_unless_asked_for_and_route_localnet_stays_off() => HoldsAsync(async () =>
    {
        var web = Service("web").Port().NodePort().Endpoints(Pod1);
        await World.ApplyAsync(web);
        (await Node.AskAsync(web.NodePort(IPAddress.Loopback))).ShouldBeRefused();
        (await Node.AskAsync(web.NodePort(IPAddress.IPv6Loopback))).ShouldBeRefused();
        foreach (var device in new[] { "all", "default", "lo", "eth0", "eth1", "veth1" })
        {
            Assert.Equal("0", Node.Namespace.ReadSysctl($"net.ipv4.conf.{device}.route_localnet"));
        }
    });

    [Fact]
    public Task A_node_port_does_not_answer_at_a_pods_address() => HoldsAsync(async () =>
    {
        var web = Service("web").Port().NodePort().Endpoints(Pod1);
        await World.ApplyAsync(web);
        (await Client.AskAsync(web.NodePort(Pod2.IPv4))).ShouldBeRefused();
        (await Pod3.AskAsync(web.NodePort(Pod2.IPv6))).ShouldBeRefused();
    });

    [Fact]
    public Task A_load_balancer_ip_in_proxy_mode_is_left_to_the_load_balancer() => HoldsAsync(async () =>
    {
        var proxied = Service("proxied").Port().LoadBalancer(ipMode: "Proxy").Endpoints(Pod1);
        var vip = Service("vip").Port().LoadBalancer(ipMode: "VIP").Endpoints(Pod1);
        await World.ApplyAsync(proxied, vip);
        foreach (var family in Families.Both)
        {
            foreach (var from in new[] { Client, Node, Pod2 })
            {
                (await from.AskAsync(proxied.LoadBalancerIP(family))).ShouldBeUntouched();
                (await from.AskAsync(vip.LoadBalancerIP(family))).ShouldComeFrom(Pod1);
            }

            (await Client.AskAsync(proxied.NodePort(NodeAddress(family)))).ShouldComeFrom(Pod1);
        }
    });

    [Fact]
    public Task Frontends_come_and_go_with_the_service_type() => HoldsAsync(async () =>
    {
        var web = Service("web").Port().LoadBalancer().Endpoints(Pod1);
        await World.ApplyAsync(web);
        (await Client.AskAsync(web.LoadBalancerIP())).ShouldComeFrom(Pod1);
        (await Client.AskAsync(web.NodePort(NodeAddress(V4)))).ShouldComeFrom(Pod1);
        var (loadBalancer, nodePort) = (web.LoadBalancerIP(), web.NodePort(NodeAddress(V4)));
        await World.ApplyAsync(web.ClusterIPOnly());
        (await Client.AskAsync(web.ClusterIP())).ShouldComeFrom(Pod1);
        (await Client.AskAsync(loadBalancer)).ShouldNotBeServed();
        (await Client.AskAsync(nodePort)).ShouldBeRefused();
    });
}
