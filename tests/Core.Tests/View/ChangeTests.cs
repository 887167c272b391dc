using ProxyFramework.Core.Objects;
using Xunit;

namespace ProxyFramework.Core.Tests.View;

/// <summary>How events become changes, and what is kept and forgotten.</summary>
public sealed class ChangeTests
{
    private static readonly DateTimeOffset Time = new(2026, 6, 1, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void A_service_comes_changes_and_goes()
    {
        var scene = new Scene();
        Assert.Equal("+web/TCP/IPv4", scene.Service("web").TakeKeys());
        Assert.Equal("~web/TCP/IPv4", scene.Slice("web-1", "web", "10.1.0.1").TakeKeys());
        Assert.Equal("~web/TCP/IPv4", scene.NoSlice("web-1").TakeKeys());
        Assert.Equal("-web/TCP/IPv4", scene.NoService("web").TakeKeys());
    }

    [Fact]
    public void Removals_come_first()
    {
        var scene = new Scene().Service("b");
        scene.Take();
        Assert.Equal("-b/TCP/IPv4 +a/TCP/IPv4", scene.Service("a", service => service with { ClusterIPs = Scene.Addresses("10.96.0.2") }).NoService("b").TakeKeys());
    }

    [Fact]
    public void What_is_the_same_as_before_is_no_change_and_the_same_object()
    {
        var scene = new Scene().Service("web").Slice("web-1", "web", "10.1.0.1", "10.1.0.2");
        var before = scene.Port("web");
        Assert.True(scene.Service("web").Slice("web-1", "web", "10.1.0.2", "10.1.0.1").Take().IsEmpty);
        Assert.True(scene.Slice("web-1", "web", "10.1.0.3").Slice("web-1", "web", "10.1.0.1", "10.1.0.2").Take().IsEmpty);
        Assert.True(scene.Slice("web-2", "web", "10.1.0.2").NoSlice("gone").NoService("gone").Take().IsEmpty);
        Assert.Same(before, scene.Port("web"));
    }

    [Fact]
    public void A_change_keeps_what_it_does_not_touch()
    {
        var scene = new Scene().Service("web").Slice("web-1", "web", "10.1.0.1");
        var before = scene.Port("web");
        var after = scene.Service("web", service => service with { AffinityTimeoutSeconds = 60 }).Port("web");
        Assert.NotSame(before, after);
        Assert.Same(before.Cluster, after.Cluster);
        Assert.True(before.Frontends == after.Frontends);
    }

    [Fact]
    public void A_service_that_is_deleted_and_made_again_at_once_is_at_most_a_change()
    {
        var scene = new Scene().Service("web");
        scene.Take();
        Assert.True(scene.NoService("web").Service("web").Take().IsEmpty);
    }

    [Fact]
    public void A_port_that_is_renamed_is_another_service_port()
    {
        var scene = new Scene().Service("web", service => service with { Ports = [new("a", TransportProtocol.Tcp, 80, 0)] });
        scene.Take();
        Assert.Equal(
            "-web:a/TCP/IPv4 +web:b/TCP/IPv4",
            scene.Service("web", service => service with { Ports = [new("b", TransportProtocol.Tcp, 80, 0)] }).TakeKeys());
    }

    [Fact]
    public void The_newest_trigger_time_of_the_slices_that_changed_goes_with_the_change()
    {
        var scene = new Scene().Service("web").Slice(At("web-1", "10.1.0.1", Time)).Slice(At("web-2", "10.1.0.2", Time.AddSeconds(2)));
        Assert.Equal(Time.AddSeconds(2), scene.Port("web").LastChangeTriggerTime);
        Assert.Equal(Time.AddSeconds(1), scene.Slice(At("web-1", "10.1.0.3", Time.AddSeconds(1))).Port("web").LastChangeTriggerTime);
        Assert.Null(scene.Service("web", service => service with { AffinityTimeoutSeconds = 60 }).Port("web").LastChangeTriggerTime);
        Assert.Null(scene.Slice(At("web-1", "10.1.0.4", Time.AddSeconds(1))).Port("web").LastChangeTriggerTime);
    }

    [Fact]
    public void Slices_that_are_renamed_for_ever_leave_nothing_behind()
    {
        // kubernetes/kubernetes#128928: a cache of slices by name grew without end.
        var scene = new Scene().Service("web").Slice("web-0", "web", "10.1.0.1@node-0 zones=z0");
        scene.Take();
        var held = scene.View.Held;
        for (var i = 1; i < 1000; i++)
        {
            scene.Slice($"web-{i}", "web", $"10.1.0.1@node-{i} zones=z{i}").NoSlice($"web-{i - 1}").Take();
            Assert.Equal(held, scene.View.Held);
        }
    }

    [Fact]
    public void When_every_object_is_gone_nothing_is_held()
    {
        var scene = new Scene();
        for (var i = 0; i < 50; i++)
        {
            scene.Service($"s{i % 7}", service => service with { ExternalIPs = Scene.Addresses($"192.0.2.{(i % 3) + 1}") })
                .Slice($"slice{i % 11}", $"s{i % 5}", $"10.1.0.{i}@n{i % 4} zones=a nodes=n{i % 4}");
        }

        scene.Take();
        for (var i = 0; i < 11; i++)
        {
            scene.NoService($"s{i}").NoSlice($"slice{i}");
        }

        scene.Take();
        Assert.Equal((0, 0, 0, 0, 0), scene.View.Held);
        Assert.Empty(scene.View.ServicePorts);
        Assert.Empty(scene.View.CurrentProblems);
    }

    private static EndpointSlice At(string name, string endpoint, DateTimeOffset time) =>
        Scene.MakeSlice(name, "web", endpoint) with { LastChangeTriggerTime = time };
}
