using System.Net;
using ProxyFramework.Behaviour.Suite;
using ProxyFramework.Behaviour.Testbed;
using Xunit;

namespace ProxyFramework.Behaviour.Scenarios;

/// <summary>Cluster IPs: who reaches what through them, and what their other ports do.</summary>
[Semantics("Frontends of a service port")]
public sealed class ClusterIPScenarios(StandardWorld world) : ScenarioBase<StandardWorld>(world)
{
    [Fact]
    public Task Reached_from_pods_from_the_node_and_from_outside_over_both_protocols_and_families() => HoldsAsync(async () =>
    {
        var web = Service("web").TcpAndUdp().Endpoints(Pod1, Pod2, Remote1);
        await World.ApplyAsync(web);
        foreach (var family in Families.Both)
        {
            foreach (var port in new[] { "tcp", "udp" })
            {
                foreach (var from in new[] { Client, Node, Pod2, Pod3 })
                {
                    await ShouldSpreadOverAsync(from, web.ClusterIP(family, port), Pod1, Pod2, Remote1);
                }
            }
        }
    });

    [Fact]
    public Task A_single_stack_service_is_reached_in_its_family() => HoldsAsync(async () =>
    {
        var four = Service("four").Only(V4).TcpAndUdp().Endpoints(Pod1);
        var six = Service("six").Only(V6).TcpAndUdp().Endpoints(Pod2);
        await World.ApplyAsync(four, six);
        foreach (var port in new[] { "tcp", "udp" })
        {
            (await Client.AskAsync(four.ClusterIP(V4, port))).ShouldComeFrom(Pod1);
            (await Client.AskAsync(six.ClusterIP(V6, port))).ShouldComeFrom(Pod2);
        }
    });

    [Fact]
    public Task Each_family_has_only_the_endpoints_of_that_family() => HoldsAsync(async () =>
    {
        var web = Service("web").Port().Endpoints(EndpointSpec.Of(Pod1) with { IPv6 = null }, EndpointSpec.Of(Pod2) with { IPv4 = null });
        await World.ApplyAsync(web);
        await ShouldSpreadOverAsync(Client, web.ClusterIP(V4), Pod1);
        await ShouldSpreadOverAsync(Client, web.ClusterIP(V6), Pod2);
    });

    [Fact]
    [Semantics("Which objects count")]
    public Task Ports_are_matched_by_name_and_lead_to_their_own_target_ports() => HoldsAsync(async () =>
    {
        var web = Service("web").Port(80, Pod.WebPort, name: "web").Port(9000, Pod.AdminPort, name: "admin").Port(80, Pod.AdminPort, Protocol.Udp, "udp")
            .Endpoints(Pod1);
        await World.ApplyAsync(web);
        (await Client.AskAsync(web.ClusterIP(V4, "web"))).ShouldComeFrom(Pod1).ShouldReachPort(Pod.WebPort);
        (await Client.AskAsync(web.ClusterIP(V4, "admin"))).ShouldComeFrom(Pod1).ShouldReachPort(Pod.AdminPort);
        (await Client.AskAsync(web.ClusterIP(V4, "udp"))).ShouldComeFrom(Pod1).ShouldReachPort(Pod.AdminPort);
    });

    [Fact]
    [Semantics("Which objects count")]
    public Task Slices_may_give_the_same_port_name_different_numbers() => HoldsAsync(async () =>
    {
        var web = Service("web").Port().Endpoints(EndpointSpec.Of(Pod1), EndpointSpec.Of(Pod2) with { TargetPort = Pod.AdminPort });
        await World.ApplyAsync(web);
        foreach (var outcome in await Client.AskManyAsync(web.ClusterIP(), 12))
        {
            outcome.ShouldComeFrom(Pod1, Pod2).ShouldReachPort(outcome.IsFrom(Pod1) ? Pod.WebPort : Pod.AdminPort);
        }

        await ShouldSpreadOverAsync(Client, web.ClusterIP(), Pod1, Pod2);
    });

    [Fact]
    [Semantics("Which objects count")]
    public Task A_slice_port_with_another_protocol_or_no_number_does_not_match() => HoldsAsync(async () =>
    {
        var other = Service("other-protocol").Endpoints(Pod1);
        other.Ports.Add(new PortSpec("p", Protocol.Tcp, 80, Pod.WebPort) { SliceProtocol = Protocol.Udp });
        var numberless = Service("no-number").Endpoints(Pod1);
        numberless.Ports.Add(new PortSpec("p", Protocol.Tcp, 80, Pod.WebPort) { HasSliceNumber = false });
        await World.ApplyAsync(other, numberless);
        (await Client.AskAsync(other.ClusterIP())).ShouldBeRefused();
        (await Client.AskAsync(numberless.ClusterIP())).ShouldBeRefused();
    });

    [Fact]
    [Trap("#72236")]
    public Task Ports_that_belong_to_no_service_are_rejected_and_do_not_reach_the_node() => HoldsAsync(
        async () =>
        {
            await using var daemon = new IdentityServer("daemon");
            Node.Namespace.Run(() =>
            {
                daemon.Listen(IPAddress.Any, 2222);
                daemon.Listen(IPAddress.IPv6Any, 2222);
                return true;
            });
            await OtherPortsAreRefusedAsync(81, 2222);
            Assert.Equal(0, daemon.Requests);
            (await Client.AskAsync(new Target(NodeAddress(V4), 2222))).ShouldComeFromServer("daemon");
        },
        weaker: async () => await OtherPortsAreRefusedAsync(81));

    [Fact]
    public Task An_external_ip_that_is_the_nodes_own_leaves_its_other_ports_alone() => HoldsAsync(async () =>
    {
        var web = Service("web").Port(8088).ExternalIP().Endpoints(Pod1);
        await Node.Namespace.IpAsync($"address add {web.ExternalIPAddress(V4)}/32 dev eth1");
        try
        {
            await World.ApplyAsync(web);
            await using var daemon = new IdentityServer("daemon");
            Node.Namespace.Run(() =>
            {
                daemon.Listen(IPAddress.Any, 2223);
                return true;
            });
            await Eventually.HoldsAsync(async () => (await Client.AskAsync(web.ExternalIP(V4))).ShouldComeFrom(Pod1));
            await Eventually.HoldsAsync(async () => (await Client.AskAsync(web.ExternalIP(V4).WithPort(2223))).ShouldComeFromServer("daemon"));
            await World.RemoveAsync(web);
            (await Client.AskAsync(web.ExternalIP(V4).WithPort(2223))).ShouldComeFromServer("daemon");
        }
        finally
        {
            await Node.Namespace.TryExecAsync("ip", "address", "del", $"{web.ExternalIPAddress(V4)}/32", "dev", "eth1");
        }
    });

    [Fact]
    public Task A_changed_port_or_address_moves_and_a_removed_service_is_gone() => HoldsAsync(async () =>
    {
        var web = Service("web").TcpAndUdp().Endpoints(Pod1);
        var keep = Service("keep").TcpAndUdp().Endpoints(Pod2);
        await World.ApplyAsync(web, keep);
        var (oldTcp, oldUdp) = (web.ClusterIP(V4, "tcp"), web.ClusterIP(V4, "udp"));
        (await Client.AskAsync(oldTcp)).ShouldComeFrom(Pod1);
        (await Client.AskAsync(oldUdp)).ShouldComeFrom(Pod1);

        web.Ports.Clear();
        await World.ApplyAsync(web.Port(81, name: "tcp").Port(81, Pod.AdminPort, Protocol.Udp, "udp"));
        (await Client.AskAsync(web.ClusterIP(V4, "tcp"))).ShouldComeFrom(Pod1);
        (await Client.AskAsync(web.ClusterIP(V4, "udp"))).ShouldComeFrom(Pod1).ShouldReachPort(Pod.AdminPort);
        (await Client.AskAsync(oldTcp)).ShouldBeRefused();
        (await Client.AskAsync(oldUdp)).ShouldBeRefused();

        await World.RemoveAsync(web);
        (await Client.AskAsync(web.ClusterIP(V4, "tcp"))).ShouldNotBeServed();
        (await Client.AskAsync(web.ClusterIP(V4, "udp"))).ShouldNotBeServed();
        (await Client.AskAsync(keep.ClusterIP(V4, "tcp"))).ShouldComeFrom(Pod2);
        (await Client.AskAsync(keep.ClusterIP(V4, "udp"))).ShouldComeFrom(Pod2);
    });

    [Fact]
    public Task Large_transfers_and_half_closed_connections_pass_whole() => HoldsAsync(async () =>
    {
        var web = Service("web").Port().Endpoints(Pod1, Remote1);
        await World.ApplyAsync(web);
        foreach (var family in Families.Both)
        {
            using var connection = await Client.ConnectAsync(web.ClusterIP(family));
            Assert.Equal(3_000_000, await connection.UploadAsync(3_000_000));
            Assert.Equal(3_000_000, (await Client.HttpGetAsync(web.ClusterIP(family), "/bytes/3000000")).Body.Length);
        }
    });

    [Fact]
    [Semantics("Choosing endpoints")]
    public Task Without_any_endpoint_every_frontend_refuses_at_once() => HoldsAsync(async () =>
    {
        var web = Service("web").TcpAndUdp().AllFrontends();
        await World.ApplyAsync(web);
        foreach (var family in Families.Both)
        {
            foreach (var port in new[] { "tcp", "udp" })
            {
                foreach (var target in web.Frontends(family, port))
                {
                    foreach (var from in new[] { Client, Node, Pod1 })
                    {
                        (await from.AskAsync(target)).ShouldBeRefused();
                    }
                }
            }
        }
    });

    [Fact]
    [Semantics("Choosing endpoints")]
    public Task Refusing_ends_when_an_endpoint_comes_and_begins_when_the_last_one_goes() => HoldsAsync(async () =>
    {
        var web = Service("web").TcpAndUdp().AllFrontends();
        await World.ApplyAsync(web);
        (await Client.AskAsync(web.ClusterIP(V4, "tcp"))).ShouldBeRefused();
        await World.ApplyAsync(web.Endpoints(Remote1));
        foreach (var target in web.Frontends(V4, "tcp").Concat(web.Frontends(V6, "udp")))
        {
            (await Client.AskAsync(target)).ShouldComeFrom(Remote1);
        }

        await World.ApplyAsync(web.NoEndpoints());
        foreach (var target in web.Frontends(V4, "tcp").Concat(web.Frontends(V6, "udp")))
        {
            (await Client.AskAsync(target)).ShouldBeRefused();
        }
    });

    [Fact]
    public Task Many_services_share_one_port_number_without_meeting() => HoldsAsync(async () =>
    {
        var pods = World.Pods.Concat(World.RemotePods).ToArray();
        var services = Enumerable.Range(0, 50).Select(i => Service("many").TcpAndUdp().Endpoints(pods[i % pods.Length])).ToArray();
        await World.ApplyAsync(services);
        for (var i = 0; i < services.Length; i++)
        {
            (await Client.AskAsync(services[i].ClusterIP(V4, "tcp"))).ShouldComeFrom(pods[i % pods.Length]);
            (await Client.AskAsync(services[i].ClusterIP(V6, "udp"))).ShouldComeFrom(pods[i % pods.Length]);
        }
    });

    [Fact]
    public Task A_connection_that_the_server_resets_is_reset_for_the_client() => HoldsAsync(async () =>
    {
        // The pod refuses on a port where nothing listens: the client must learn it, not hang.
        var web = Service("web").Port(80, to: 7).Endpoints(Pod1);
        await World.ApplyAsync(web);
        var outcome = await Client.AskAsync(web.ClusterIP());
        Assert.True(outcome.Kind is OutcomeKind.Refused or OutcomeKind.Closed, outcome.ToString());
    });

    private async Task OtherPortsAreRefusedAsync(params int[] ports)
    {
        var web = Service("web").TcpAndUdp().ExternalIP().LoadBalancer().Endpoints(Pod1);
        await World.ApplyAsync(web);
        foreach (var (family, port) in new[] { (V4, "tcp"), (V4, "udp"), (V6, "tcp"), (V6, "udp") })
        {
            foreach (var target in new[] { web.ClusterIP(family, port), web.ExternalIP(family, port), web.LoadBalancerIP(family, port) })
            {
                foreach (var from in new[] { Client, Pod2 })
                {
                    (await from.AskAsync(target)).ShouldComeFrom(Pod1);
                    foreach (var other in ports)
                    {
                        (await from.AskAsync(target.WithPort(other))).ShouldBeRefused();
                    }
                }
            }
        }
    }
}
