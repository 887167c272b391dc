using Xunit;

namespace ProxyFramework.Core.Tests.View;

/// <summary>Which slices count for a service, and how their ports and addresses come together.</summary>
public sealed class EndpointSliceTests
{
    private const TransportProtocol Tcp = TransportProtocol.Tcp;

    [Fact]
    public void All_slices_of_a_service_are_one_set_of_endpoints() =>
        Assert.Equal("10.1.0.1 10.1.0.2", ClusterOf(new Scene().Service("web").Slice("web-1", "web", "10.1.0.2").Slice("web-2", "web", "10.1.0.1")));

    [Fact]
    public void A_thousand_endpoints_in_twenty_slices_are_all_used()
    {
        var scene = new Scene().Service("web");
        for (var slice = 0; slice < 20; slice++)
        {
            scene.Slice($"web-{slice}", "web", Enumerable.Range(1, 50).Select(host => $"10.1.{slice}.{host}"));
        }

        Assert.Equal(1000, scene.Port("web").Cluster.Endpoints.Length);
    }

    [Theory]
    [InlineData("10.1.0.1 unready", "10.1.0.1", "10.1.0.1")]
    [InlineData("10.1.0.1", "10.1.0.1 unready", "10.1.0.1")]
    [InlineData("10.1.0.1 unready serving terminating", "10.1.0.1", "10.1.0.1")]
    [InlineData("10.1.0.1 unready", "10.1.0.1 unready serving terminating", "10.1.0.1")]
    [InlineData("10.1.0.1 unready", "10.1.0.1 unready", "Reject")]
    public void The_same_address_in_several_slices_is_one_endpoint_with_the_most_favourable_conditions(string one, string other, string expected) =>
        Assert.Equal(expected, ClusterOf(new Scene().Service("web").Slice("web-1", "web", one).Slice("web-2", "web", other)));

    [Fact]
    public void Ports_match_by_name_and_each_slice_has_its_own_target_port()
    {
        var scene = new Scene()
            .Service("web", service => service with { Ports = [new("http", Tcp, 80, 0), new("admin", Tcp, 81, 0), new("gone", Tcp, 82, 0)] })
            .Slice(Scene.MakeSlice("web-1", "web", "10.1.0.1") with { Ports = [new("http", Tcp, 8080), new("admin", Tcp, 9090)] })
            .Slice(Scene.MakeSlice("web-2", "web", "10.1.0.2") with { Ports = [new("http", Tcp, 8081)] });

        Assert.Equal("10.1.0.1:8080, 10.1.0.2:8081", scene.Port("web", "http").Cluster.ToString());
        Assert.Equal("10.1.0.1:9090", scene.Port("web", "admin").Cluster.ToString());
        Assert.Equal("Reject", scene.Port("web", "gone").Cluster.ToString());
    }

    [Fact]
    public void A_slice_port_of_another_protocol_or_without_a_number_does_not_match()
    {
        Assert.Equal("Reject", ClusterOf(new Scene().Service("web")
            .Slice(Scene.MakeSlice("web-1", "web", "10.1.0.1") with { Ports = [new("", TransportProtocol.Udp, 8080)] })));
        Assert.Equal("Reject", ClusterOf(new Scene().Service("web")
            .Slice(Scene.MakeSlice("web-1", "web", "10.1.0.1") with { Ports = [new("", Tcp, 0)] })));
    }

    [Fact]
    public void One_port_name_with_two_protocols_is_two_service_ports()
    {
        var scene = new Scene()
            .Service("dns", service => service with { Ports = [new("dns", Tcp, 53, 0), new("dns", TransportProtocol.Udp, 53, 0)] })
            .Slice(Scene.MakeSlice("dns-1", "dns", "10.1.0.1") with { Ports = [new("dns", Tcp, 5300), new("dns", TransportProtocol.Udp, 5301)] });

        Assert.Equal("10.1.0.1:5300", scene.Port("dns", "dns").Cluster.ToString());
        Assert.Equal("10.1.0.1:5301", scene.Port("dns", "dns", TransportProtocol.Udp).Cluster.ToString());
        Assert.Empty(scene.Problems);
    }

    [Fact]
    public void Sctp_is_a_protocol_like_the_others()
    {
        var scene = new Scene()
            .Service("sig", service => service with { Ports = [new("", TransportProtocol.Sctp, 3868, 0)] })
            .Slice(Scene.MakeSlice("sig-1", "sig", "10.1.0.1") with { Ports = [new("", TransportProtocol.Sctp, 3868)] });
        Assert.Equal("10.1.0.1:3868", scene.Port("sig", protocol: TransportProtocol.Sctp).Cluster.ToString());
    }

    [Fact]
    public void A_headless_slice_an_fqdn_slice_and_one_without_a_service_are_skipped()
    {
        var slice = Scene.MakeSlice("web-1", "web", "10.1.0.1");
        Assert.Equal("Reject", ClusterOf(new Scene().Service("web").Slice(slice with { IsHeadless = true })));
        Assert.Equal("Reject", ClusterOf(new Scene().Service("web").Slice(slice with { AddressType = null })));
        Assert.Equal("Reject", ClusterOf(new Scene().Service("web").Slice(slice with { ServiceName = null })));
        Assert.Equal("Reject", ClusterOf(new Scene().Service("web").Slice(slice with { Name = new NamespacedName("other", "web-1") })));
    }

    [Fact]
    public void A_slice_that_comes_to_belong_to_another_service_leaves_the_first()
    {
        var scene = new Scene().Service("web").Service("api", service => service with { ClusterIPs = Scene.Addresses("10.96.0.2") })
            .Slice("s", "web", "10.1.0.1");
        Assert.Equal("10.1.0.1", ClusterOf(scene));

        scene.Slice("s", "api", "10.1.0.1");

        Assert.Equal("Reject", ClusterOf(scene));
        Assert.Equal("10.1.0.1", Scene.Hosts(scene.Port("api").Cluster));
    }

    [Fact]
    public void A_slice_that_becomes_headless_leaves_its_service()
    {
        var scene = new Scene().Service("web").Slice("s", "web", "10.1.0.1");
        scene.Take();
        Assert.Equal("Reject", ClusterOf(scene.Slice(Scene.MakeSlice("s", "web", "10.1.0.1") with { IsHeadless = true })));
    }

    [Fact]
    public void Slices_may_come_before_their_service() =>
        Assert.Equal("10.1.0.1", ClusterOf(new Scene().Slice("web-1", "web", "10.1.0.1").Service("web")));

    [Theory]
    [InlineData("0.0.0.0", "unspecified")]
    [InlineData("224.0.0.1", "multicast")]
    [InlineData("169.254.1.1", "link-local")]
    public void An_endpoint_address_that_names_no_machine_is_refused_alone(string address, string why)
    {
        var scene = new Scene().Service("web").Slice("web-1", "web", "10.1.0.1", address);
        Assert.Equal("10.1.0.1", ClusterOf(scene));
        var problem = Assert.Single(scene.Problems);
        Assert.Equal(("EndpointSlice default/web-1", "endpoints[1].addresses[0]"), (problem.Object, problem.Field));
        Assert.Contains(why, problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_endpoint_of_another_family_than_its_slice_is_refused()
    {
        var scene = new Scene().Service("web").Slice("web-1", "web", "10.1.0.1", "fd00::1");
        Assert.Equal("10.1.0.1", ClusterOf(scene));
        Assert.Contains("addressType", Assert.Single(scene.Problems).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_loopback_endpoint_is_let_in() =>
        Assert.Equal("127.0.0.7", ClusterOf(new Scene().Service("web").Slice("web-1", "web", "127.0.0.7")));

    [Fact]
    public void A_problem_is_reported_when_it_comes_up_and_not_again_while_it_lasts()
    {
        var scene = new Scene().Service("web").Slice("web-1", "web", "0.0.0.0");
        scene.Take();
        scene.Slice("web-1", "web", "0.0.0.0").Slice("web-2", "web", "10.1.0.1").Take();
        Assert.Single(scene.Problems);

        scene.Slice("web-1", "web", "10.1.0.2").Slice("web-1", "web", "0.0.0.0");
        Assert.Equal(2, scene.Problems.Count);
    }

    [Fact]
    public void Each_family_has_the_endpoints_of_that_family_only()
    {
        var scene = new Scene()
            .Service("web", service => service with { ClusterIPs = Scene.Addresses("10.96.0.1 fd96::1") })
            .Slice("web-4", "web", "10.1.0.1").Slice("web-6", "web", "fd01::1", "fd01::2");

        Assert.Equal("web/TCP/IPv4 web/TCP/IPv6", scene.Keys());
        Assert.Equal("10.1.0.1", ClusterOf(scene));
        Assert.Equal("fd01::1 fd01::2", Scene.Hosts(scene.Port("web", family: IPFamily.IPv6).Cluster));
    }

    private static string ClusterOf(Scene scene) => Scene.Hosts(scene.Port("web").Cluster);
}
