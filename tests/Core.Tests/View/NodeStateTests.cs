using ProxyFramework.Core.Objects;
using ProxyFramework.Core.View;
using Xunit;

namespace ProxyFramework.Core.Tests.View;

/// <summary>What backends are told of the node.</summary>
public sealed class NodeStateTests
{
    private const string Own = "127.0.0.1 ::1 192.0.2.7 10.0.0.7 fd00::7 fe80::7 169.254.9.9";

    [Theory]
    [InlineData("", "10.0.0.7 192.0.2.7 fd00::7")]
    [InlineData("10.0.0.0/8", "10.0.0.7")]
    [InlineData("10.0.0.0/8 fd00::/8", "10.0.0.7 fd00::7")]
    [InlineData("0.0.0.0/0", "10.0.0.7 192.0.2.7")]
    [InlineData("::/0", "fd00::7")]
    [InlineData("127.0.0.0/8", "127.0.0.1")]
    [InlineData("169.254.0.0/16", "169.254.9.9")]
    [InlineData("localhost", "::1 127.0.0.1")]
    [InlineData("primary", "192.0.2.7 fd00::7")]
    [InlineData("primary localhost", "::1 127.0.0.1 192.0.2.7 fd00::7")]
    [InlineData("203.0.113.0/24", "")]
    public void Node_ports_are_reached_at_the_selected_addresses(string selection, string expected)
    {
        var scene = Selecting(selection).Interfaces(Own)
            .Node(new Node { Name = "here", Addresses = Scene.Addresses("192.0.2.7 fd00::7 10.0.0.7") });
        scene.Take();
        Assert.Equal(expected, string.Join(' ', scene.View.Node.NodePortAddresses));
        Assert.Equal(7, scene.View.Node.InterfaceAddresses.Length);
    }

    [Fact]
    public void A_wrong_selection_is_named_and_the_rest_stands()
    {
        var selection = NodePortAddressSelection.Parse(["eth0", "10.0.0.0/33", "10.0.0.0/8", "localhost"], out var problems);
        Assert.Equal(2, problems.Length);
        Assert.Contains("'eth0'", problems[0], StringComparison.Ordinal);
        Assert.Equal(InetPrefix.Parse("10.0.0.0/8"), Assert.Single(selection.Cidrs));
        Assert.True(selection is { Localhost: true, Primary: false });
    }

    [Fact]
    public void Addresses_that_are_on_the_machine_for_services_serve_no_node_ports_unless_they_are_the_nodes_own()
    {
        var scene = new Scene().Interfaces("192.0.2.7 192.0.2.8 10.96.0.1")
            .Node(new Node { Name = "here", Addresses = Scene.Addresses("192.0.2.7") });
        Assert.Equal("10.96.0.1 192.0.2.7 192.0.2.8", NodePorts(scene));

        scene.Service("web", service => service with { ExternalIPs = Scene.Addresses("192.0.2.7 192.0.2.8") });
        Assert.Equal("192.0.2.7", NodePorts(scene));

        scene.NoService("web");
        Assert.Equal("10.96.0.1 192.0.2.7 192.0.2.8", NodePorts(scene));
    }

    [Fact]
    public void A_node_change_is_told_once_and_only_when_something_differs()
    {
        var scene = new Scene().Interfaces("192.0.2.7");
        Assert.Equal("here", scene.Take().Node!.Name);
        Assert.True(scene.Take().IsEmpty);
        Assert.True(scene.Interfaces("192.0.2.7").Take().IsEmpty);
        Assert.True(scene.Node(new Node { Name = "here", Addresses = Scene.Addresses("192.0.2.7") }).Take().IsEmpty);
        Assert.True(scene.Node(new Node { Name = "there", Zone = "z" }).Take().IsEmpty);
        Assert.NotNull(scene.Interfaces("192.0.2.7 192.0.2.8").Take().Node);
    }

    [Fact]
    public void Pod_ranges_come_from_the_configuration_or_from_the_node()
    {
        var cluster = new Scene(options => options with { DetectLocalMode = LocalPodDetectionMode.ClusterCidr, ClusterCidrs = Scene.Prefixes("fd01::/48 10.1.0.0/16") });
        Assert.Equal("10.1.0.0/16 fd01::/48", string.Join(' ', cluster.Take().Node!.LocalPods.Ranges));

        var node = new Scene(options => options with { DetectLocalMode = LocalPodDetectionMode.NodeCidr }).Service("web");
        Assert.Empty(node.Take().Node!.LocalPods.Ranges);
        Assert.False(node.Port("web").Frontends[0].Outside.Masquerade);
        node.Node(new Node { Name = "here", Zone = "a", PodCidrs = Scene.Prefixes("10.1.7.0/24") });
        Assert.Equal("10.1.7.0/24", string.Join(' ', node.Take().Node!.LocalPods.Ranges));
        Assert.True(node.Port("web").Frontends[0].Outside.Masquerade);

        var prefix = new Scene(options => options with { DetectLocalMode = LocalPodDetectionMode.InterfaceNamePrefix, InterfaceName = "veth" });
        Assert.Equal((LocalPodDetectionMode.InterfaceNamePrefix, "veth"), (prefix.Take().Node!.LocalPods.Mode, prefix.View.Node.LocalPods.InterfaceName));
    }

    [Fact]
    public void A_node_that_is_going_away_is_not_eligible()
    {
        var scene = new Scene();
        Assert.True(scene.View.IsNodeEligible);
        Assert.False(scene.Node(new Node { Name = "here", IsToBeDeletedByAutoscaler = true }).View.IsNodeEligible);
        Assert.False(scene.Node(new Node { Name = "here", IsBeingDeleted = true }).View.IsNodeEligible);
        Assert.False(scene.Node(new Node { Name = "there" }).View.IsNodeEligible);
        Assert.True(scene.Node(new Node { Name = "here" }).View.IsNodeEligible);
    }

    [Theory]
    [InlineData("", 0)]
    [InlineData("10.1.0.1@here; 10.1.0.2@here; 10.1.0.3@there", 2)]
    [InlineData("10.1.0.1@here; 10.1.0.1@here", 1)]
    [InlineData("10.1.0.1@here serving terminating", 0)]
    [InlineData("10.1.0.1@here unready serving terminating; 10.1.0.2@here unready", 0)]
    [InlineData("10.1.0.1@here; 10.1.0.9@here", 1)]
    public void Health_check_node_ports_count_local_ready_endpoints_that_stay(string endpoints, int expected)
    {
        var scene = new Scene().Service("web", Checked).Slice("web-1", "web", endpoints.Split(';', StringSplitOptions.RemoveEmptyEntries));
        scene.Take();
        Assert.Equal(new ServiceHealth(Scene.Name("web"), 32000, expected), scene.View.HealthCheckNodePorts[Scene.Name("web")]);
    }

    [Fact]
    public void A_dual_stack_pod_counts_once()
    {
        var scene = new Scene().Service("web", service => Checked(service) with { ClusterIPs = Scene.Addresses("10.96.0.1 fd96::1") })
            .Slice("web-4", "web", "10.1.0.1@here").Slice("web-6", "web", "fd01::1@here");
        scene.Take();
        Assert.Equal(1, scene.View.HealthCheckNodePorts[Scene.Name("web")].LocalEndpoints);
    }

    [Fact]
    public void Health_check_node_ports_come_change_and_go()
    {
        var name = Scene.Name("web");
        var scene = new Scene().Service("web", Checked);
        Assert.Equal([new ServiceHealthChange(null, new(name, 32000, 0))], scene.Take().HealthCheckNodePorts);
        Assert.Equal(
            [new ServiceHealthChange(new(name, 32000, 0), new(name, 32000, 1))],
            scene.Slice("web-1", "web", "10.1.0.1@here").Take().HealthCheckNodePorts);
        Assert.Equal(
            [new ServiceHealthChange(new(name, 32000, 1), null)],
            scene.Service("web", service => Checked(service) with { ExternalTrafficPolicy = TrafficPolicy.Cluster }).Take().HealthCheckNodePorts);
        Assert.Empty(scene.View.HealthCheckNodePorts);
    }

    private static Service Checked(Service service) => service with
    {
        Type = ServiceType.LoadBalancer,
        ExternalTrafficPolicy = TrafficPolicy.Local,
        HealthCheckNodePort = 32000,
        Annotations = [new("weights", """{"10.1.0.9": 0}""")],
    };

    private static Scene Selecting(string selection)
    {
        var parsed = NodePortAddressSelection.Parse(selection.Split(' ', StringSplitOptions.RemoveEmptyEntries), out var problems);
        Assert.Empty(problems);
        return new Scene(options => options with { NodePortAddresses = parsed });
    }

    private static string NodePorts(Scene scene)
    {
        scene.Take();
        return string.Join(' ', scene.View.Node.NodePortAddresses);
    }
}
