using ProxyFramework.Core.Objects;
using Xunit;

namespace ProxyFramework.Core.Tests.View;

/// <summary>Two service ports that want the same frontend (docs/decisions/002-frontend-conflicts.md).</summary>
public sealed class FrontendConflictTests
{
    private static readonly DateTimeOffset Early = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void The_better_kind_wins_whichever_comes_first(bool loserFirst)
    {
        var scene = new Scene();
        void Winner() => scene.Service("zz", service => service with { ClusterIPs = Scene.Addresses("10.96.0.9"), CreationTimestamp = Early.AddDays(1) });
        void Loser() => scene.Service("aa", service => service with { ExternalIPs = Scene.Addresses("10.96.0.9"), CreationTimestamp = Early });
        foreach (var step in loserFirst ? [Loser, Winner] : new[] { Winner, Loser })
        {
            step();
            scene.Take();
        }

        Assert.Equal("ClusterIP 10.96.0.1:80", scene.Frontends("aa"));
        Assert.Equal("ClusterIP 10.96.0.9:80", scene.Frontends("zz"));
        var problem = Assert.Single(scene.Problems);
        Assert.Equal("Service default/aa", problem.Object);
        Assert.Contains("Service default/zz", problem.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Of_the_same_kind_the_older_service_wins(bool olderFirst)
    {
        var scene = new Scene();
        foreach (var name in olderFirst ? new[] { "old", "new" } : ["new", "old"])
        {
            scene.Service(name, service => service with { CreationTimestamp = name == "old" ? Early : Early.AddSeconds(1) });
            scene.Take();
        }

        Assert.Equal("old/TCP/IPv4", scene.Keys());
    }

    [Fact]
    public void Of_the_same_age_the_first_name_wins_and_then_the_first_port_name()
    {
        Assert.Equal("aa/TCP/IPv4", new Scene().Service("bb").Service("aa").Keys());
        Assert.Equal("web:a/TCP/IPv4", new Scene().Service("web", service => service with
        {
            Ports = [new("b", TransportProtocol.Tcp, 80, 0), new("a", TransportProtocol.Tcp, 80, 0)],
        }).Keys());
    }

    [Fact]
    public void The_loser_gets_the_frontend_when_the_winner_leaves()
    {
        var scene = new Scene().Service("aa").Service("bb").Service("cc");
        scene.Take();
        Assert.Equal("-aa/TCP/IPv4 +bb/TCP/IPv4", scene.NoService("aa").TakeKeys());
        Assert.Equal("-bb/TCP/IPv4 +cc/TCP/IPv4", scene.Service("bb", service => service with { ClusterIPs = [] }).TakeKeys());
        Assert.Empty(scene.View.CurrentProblems);
    }

    [Fact]
    public void A_conflict_is_reported_anew_when_another_becomes_the_winner()
    {
        var scene = new Scene().Service("aa").Service("bb").Service("cc");
        scene.Take();
        Assert.Equal(2, scene.Problems.Count);
        scene.NoService("aa").Take();
        var problem = Assert.Single(scene.View.CurrentProblems);
        Assert.Contains("default/bb", problem.Message, StringComparison.Ordinal);
        Assert.Equal(problem, scene.Problems[^1]);
    }

    [Fact]
    public void Node_ports_conflict_with_each_other_by_family_and_protocol()
    {
        static Service NodePort(Service service, string clusterIPs, TransportProtocol protocol = TransportProtocol.Tcp) => service with
        {
            Type = ServiceType.NodePort,
            ClusterIPs = Scene.Addresses(clusterIPs),
            Ports = [new("", protocol, 80, 30080)],
        };
        var scene = new Scene()
            .Service("aa", service => NodePort(service, "10.96.0.1"))
            .Service("bb", service => NodePort(service, "10.96.0.2 fd96::2"))
            .Service("udp", service => NodePort(service, "10.96.0.3", TransportProtocol.Udp));
        Assert.Equal("ClusterIP 10.96.0.2:80", scene.Frontends("bb"));
        Assert.Equal("ClusterIP [fd96::2]:80, NodePort [::]:30080", scene.Frontends("bb", family: IPFamily.IPv6));
        Assert.Equal("ClusterIP 10.96.0.3:80, NodePort 0.0.0.0:30080", scene.Frontends("udp", protocol: TransportProtocol.Udp));
        Assert.Contains("node port 30080/TCP", Assert.Single(scene.Problems).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_same_address_twice_in_one_service_is_one_frontend_without_a_message()
    {
        var scene = new Scene().Service("web", service => service with
        {
            ClusterIPs = Scene.Addresses("10.96.0.1 10.96.0.1"),
            LoadBalancerIPs = Scene.Addresses("192.0.2.1"),
            ExternalIPs = Scene.Addresses("192.0.2.1 192.0.2.1 192.0.2.2"),
        });
        Assert.Equal("ClusterIP 10.96.0.1:80, LoadBalancerIP 192.0.2.1:80, ExternalIP 192.0.2.2:80", scene.Frontends("web"));
        Assert.Empty(scene.Problems);
        scene.NoService("web").Take();
        Assert.Equal(0, scene.View.Held.Claims);
    }

    [Fact]
    public void Different_ports_and_protocols_of_one_address_do_not_conflict()
    {
        var scene = new Scene().Service("aa")
            .Service("bb", service => service with { Ports = [new("", TransportProtocol.Tcp, 81, 0)] })
            .Service("cc", service => service with { Ports = [new("", TransportProtocol.Udp, 80, 0)] });
        Assert.Equal("aa/TCP/IPv4 bb/TCP/IPv4 cc/UDP/IPv4", scene.Keys());
        Assert.Empty(scene.Problems);
    }
}
