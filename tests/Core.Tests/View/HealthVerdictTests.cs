using ProxyFramework.Core.View;
using Xunit;

namespace ProxyFramework.Core.Tests.View;

/// <summary>What health checks say enters as weights; Kubernetes' readiness stays the authority.</summary>
public sealed class HealthVerdictTests
{
    private static readonly ServicePortKey Key = new(Scene.Name("web"), "", TransportProtocol.Tcp, IPFamily.IPv4);

    [Fact]
    public void What_is_ready_is_to_be_checked_and_nothing_else()
    {
        var scene = Checked("10.1.0.1", "10.1.0.2 unready", "10.1.0.3 unready serving terminating", "10.1.0.4");
        Assert.Equal("10.1.0.1:8080 10.1.0.4:8080", Text(Assert.Single(scene.View.TakeChanges().HealthChecks)));
        Assert.Empty(scene.View.TakeChanges().HealthChecks);
    }

    [Fact]
    public void A_service_without_a_check_has_the_operators_default_unless_it_says_none()
    {
        var scene = new Scene(options => options with { DefaultHealthCheck = "tcp" });
        scene.Service("web");
        scene.Slice("web-1", "web", "10.1.0.1");
        Assert.Equal("tcp", Assert.Single(scene.View.TakeChanges().HealthChecks).After?.Check);
        scene.Service("web", service => service with { Annotations = [new("health-check", "none")] });
        Assert.Null(Assert.Single(scene.View.TakeChanges().HealthChecks).After);
    }

    [Fact]
    public void What_is_to_be_checked_ends_with_the_service_and_its_verdicts_too()
    {
        var scene = Checked("10.1.0.1", "10.1.0.2", "10.1.0.3");
        scene.View.TakeChanges();
        Judge(scene, 0, ("10.1.0.1", 0));
        scene.View.TakeChanges();
        scene.View.Apply(new Core.Sources.SourceEvent.ServiceDeleted(Key.Service));
        Assert.Null(Assert.Single(scene.View.TakeChanges().HealthChecks).After);
        Judge(scene, 0, ("10.1.0.2", 0));
        scene.Service("web", service => service with { Annotations = [new("health-check", "tcp")] });
        scene.View.TakeChanges();
        Assert.Equal("10.1.0.1 10.1.0.2 10.1.0.3", Hosts(scene));
    }

    [Theory]
    [InlineData(50, "10.1.0.1 10.1.0.3")]
    [InlineData(67, "10.1.0.1 10.1.0.2 10.1.0.3")]
    [InlineData(0, "10.1.0.1 10.1.0.3")]
    public void A_sick_endpoint_takes_no_new_connections_unless_too_few_are_left(int panic, string expected)
    {
        var scene = Checked("10.1.0.1", "10.1.0.2", "10.1.0.3");
        scene.View.TakeChanges();
        Judge(scene, panic, ("10.1.0.2", 0));
        scene.View.TakeChanges();
        Assert.Equal(expected, Hosts(scene));
        Judge(scene, panic);
        scene.View.TakeChanges();
        Assert.Equal("10.1.0.1 10.1.0.2 10.1.0.3", Hosts(scene));
    }

    [Theory]
    [InlineData(50, "10.1.0.1 10.1.0.2")]
    [InlineData(0, "Reject")]
    public void All_of_them_sick_is_panic_or_a_refusal(int panic, string expected)
    {
        var scene = Checked("10.1.0.1", "10.1.0.2");
        scene.View.TakeChanges();
        Judge(scene, panic, ("10.1.0.1", 0), ("10.1.0.2", 0));
        scene.View.TakeChanges();
        Assert.Equal(expected, Hosts(scene));
    }

    [Fact]
    public void A_healthy_endpoint_that_is_not_ready_is_not_used()
    {
        var scene = Checked("10.1.0.1", "10.1.0.2 unready");
        scene.View.TakeChanges();
        Judge(scene, 0, ("10.1.0.1", 0));
        scene.View.TakeChanges();
        Assert.Equal("Reject", Hosts(scene));
    }

    [Fact]
    public void A_ramping_endpoint_has_part_of_its_weight_and_the_others_keep_their_proportion()
    {
        var scene = new Scene();
        scene.Service("web", service => service with { Annotations = [new("health-check", "tcp"), new("weights", """{"10.1.0.2": 2}""")] });
        scene.Slice("web-1", "web", "10.1.0.1", "10.1.0.2", "10.1.0.3");
        scene.View.TakeChanges();
        Judge(scene, 50, ("10.1.0.3", 10));
        scene.View.TakeChanges();
        Assert.Equal("10.1.0.1*100 10.1.0.2*200 10.1.0.3*10", Hosts(scene));
        Judge(scene, 50);
        scene.View.TakeChanges();
        Assert.Equal("10.1.0.1 10.1.0.2*2 10.1.0.3", Hosts(scene));
    }

    [Fact]
    public void A_ramp_beside_the_largest_weight_there_is_stays_in_range()
    {
        var scene = new Scene();
        scene.Service("web", service => service with { Annotations = [new("health-check", "tcp"), new("weights", """{"10.1.0.2": 65535}""")] });
        scene.Slice("web-1", "web", "10.1.0.1", "10.1.0.2");
        scene.View.TakeChanges();
        Judge(scene, 50, ("10.1.0.1", 10));
        scene.View.TakeChanges();
        Assert.Equal("10.1.0.1 10.1.0.2*65535", Hosts(scene));
    }

    [Fact]
    public void A_sick_endpoint_does_not_hold_a_zone()
    {
        var scene = Checked("10.1.0.1 zones=a", "10.1.0.2 zones=b", "10.1.0.3 zones=b");
        scene.View.TakeChanges();
        Assert.Equal("10.1.0.1", Hosts(scene));
        Judge(scene, 50, ("10.1.0.1", 0));
        scene.View.TakeChanges();
        Assert.Equal("10.1.0.2 10.1.0.3", Hosts(scene));
    }

    [Fact]
    public void An_equal_verdict_changes_nothing()
    {
        var scene = Checked("10.1.0.1", "10.1.0.2", "10.1.0.3");
        scene.View.TakeChanges();
        Judge(scene, 50, ("10.1.0.2", 0));
        Assert.False(scene.View.TakeChanges().IsEmpty);
        Judge(scene, 50, ("10.1.0.2", 0));
        Assert.True(scene.View.TakeChanges().IsEmpty);
    }

    private static Scene Checked(params string[] endpoints)
    {
        var scene = new Scene();
        scene.Service("web", service => service with { Annotations = [new("health-check", "tcp")] });
        scene.Slice("web-1", "web", endpoints);
        return scene;
    }

    private static void Judge(Scene scene, int panic, params (string Address, int Share)[] shares) => scene.View.SetVerdicts(
        Key, new EndpointVerdicts(shares.Select(share => KeyValuePair.Create((InetAddress.Parse(share.Address), (ushort)8080), share.Share)), panic));

    private static string Hosts(Scene scene) => Scene.Hosts(scene.View.ServicePorts[Key].Cluster);

    private static string Text(CheckedEndpointsChange change) =>
        string.Join(' ', change.After!.Endpoints.Select(endpoint => new Endpoint(endpoint.Address, endpoint.Port)));
}
