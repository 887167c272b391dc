using System.Collections.Immutable;
using Xunit;

namespace ProxyFramework.Core.Tests.View;

/// <summary>The annotations <c>proxyframework.io/…</c>.</summary>
public sealed class AnnotationTests
{
    [Fact]
    public void Scheduler_weights_and_health_check_are_consumed_and_the_rest_goes_to_the_backend()
    {
        var port = WithAnnotations(new Scene(), ("colour", "blue"), ("health-check", "tcp"), ("retries", "2"), ("scheduler", "lc"), ("weights", "{}")).Port("web");
        Assert.Equal("lc", port.Scheduler);
        Assert.Equal(
            ["colour=blue", "retries=2"],
            port.Options.Select(option => $"{option.Key}={option.Value}").Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Without_annotations_there_is_neither_scheduler_nor_option()
    {
        var port = new Scene().Service("web").Port("web");
        Assert.Null(port.Scheduler);
        Assert.Empty(port.Options);
    }

    [Theory]
    [InlineData("""{"10.1.0.1": 3, "web-2": 5}""", "10.1.0.1*3 10.1.0.2*5 10.1.0.3")]
    [InlineData("""{"10.1.0.2": 3, "web-2": 5}""", "10.1.0.1 10.1.0.2*3 10.1.0.3")]
    [InlineData("""{"10.1.0.1": 0, "web-2": 65535}""", "10.1.0.2*65535 10.1.0.3")]
    [InlineData("""{"web-1": 0, "web-2": 0, "10.1.0.3": 0}""", "Reject")]
    public void Weights_go_by_address_or_target_name_and_0_takes_no_new_connections(string weights, string expected) =>
        Assert.Equal(expected, Scene.Hosts(WithAnnotations(new Scene(), ("weights", weights)).Port("web").Cluster));

    [Theory]
    [InlineData("""{"10.1.0.1": 70000, "web-2": 5}""", "10.1.0.1 10.1.0.2*5 10.1.0.3")]
    [InlineData("""{"10.1.0.1": "many", "web-2": 5}""", "10.1.0.1 10.1.0.2*5 10.1.0.3")]
    [InlineData("""{"10.1.0.1": 1.5, "10.1.0.2": -1}""", "10.1.0.1 10.1.0.2 10.1.0.3")]
    [InlineData("[1]", "10.1.0.1 10.1.0.2 10.1.0.3")]
    [InlineData("{", "10.1.0.1 10.1.0.2 10.1.0.3")]
    public void Weights_that_cannot_be_read_are_reported_and_cost_only_themselves(string weights, string expected)
    {
        var scene = WithAnnotations(new Scene(), ("weights", weights));
        Assert.Equal(expected, Scene.Hosts(scene.Port("web").Cluster));
        Assert.NotEmpty(scene.Problems);
        Assert.All(scene.Problems, problem => Assert.Equal("metadata.annotations['proxyframework.io/weights']", problem.Field));
    }

    [Fact]
    public void An_empty_scheduler_is_reported_and_the_default_applies()
    {
        var scene = WithAnnotations(new Scene(), ("scheduler", " "));
        Assert.Null(scene.Port("web").Scheduler);
        Assert.Single(scene.Problems);
    }

    [Fact]
    public void A_weight_of_0_drains_udp_and_does_not_count_as_an_endpoint_elsewhere()
    {
        var scene = new Scene().Service("web", service => service with
        {
            ExternalIPs = Scene.Addresses("192.0.2.1"),
            ExternalTrafficPolicy = TrafficPolicy.Local,
            Ports = [new("", TransportProtocol.Udp, 80, 0)],
            Annotations = [new("weights", """{"10.1.0.1": 0}""")],
        })
            .Slice(Scene.MakeSlice("web-1", "web", "10.1.0.1") with { Ports = [new("", TransportProtocol.Udp, 8080)] });
        var port = scene.Port("web", protocol: TransportProtocol.Udp);
        Assert.Equal(("Reject", "Reject", "10.1.0.1"), (Scene.Hosts(port.Cluster), Scene.Hosts(port.Local), Scene.Hosts(port.Draining)));
    }

    [Fact]
    public void A_changed_annotation_is_a_change_and_an_unchanged_one_is_none()
    {
        var scene = WithAnnotations(new Scene(), ("scheduler", "rr"), ("retries", "2"));
        scene.Take();
        Assert.True(WithAnnotations(scene, ("scheduler", "rr"), ("retries", "2")).Take().IsEmpty);
        Assert.Equal("~web/TCP/IPv4", WithAnnotations(scene, ("scheduler", "lc"), ("retries", "2")).TakeKeys());
        Assert.Equal("~web/TCP/IPv4", WithAnnotations(scene, ("scheduler", "lc"), ("retries", "3")).TakeKeys());
    }

    private static Scene WithAnnotations(Scene scene, params ImmutableArray<(string Name, string Value)> annotations) => scene
        .Service("web", service => service with { Annotations = [.. annotations.Select(a => KeyValuePair.Create(a.Name, a.Value))] })
        .Slice("web-1", "web", "10.1.0.1 target=web-1", "10.1.0.2 target=web-2", "10.1.0.3");
}
