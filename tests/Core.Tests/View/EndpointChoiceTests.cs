using ProxyFramework.Core.Objects;
using ProxyFramework.Core.Sources;
using Xunit;

namespace ProxyFramework.Core.Tests.View;

/// <summary>Which endpoints the two policies leave, for a port that is used under both.</summary>
public sealed class EndpointChoiceTests
{
    /// <summary>Name; endpoints of one slice, separated by semicolons; the Cluster group; the Local group; the endpoints that drain (as UDP).</summary>
    public static TheoryData<string, string, string, string, string> Cases => new()
    {
        // Conditions
        { "ready endpoints are used", "10.1.0.1; 10.1.0.2", "10.1.0.1 10.1.0.2", "Drop", "" },
        { "an unready endpoint is not used", "10.1.0.1; 10.1.0.2 unready", "10.1.0.1", "Drop", "" },
        { "no endpoint anywhere rejects under both policies", "", "Reject", "Reject", "" },
        { "only unready endpoints reject", "10.1.0.1@here unready", "Reject", "Reject", "" },
        { "serving but neither ready nor terminating is not used", "10.1.0.1@here unready serving", "Reject", "Reject", "10.1.0.1" },
        { "a terminating endpoint gives way to a ready one", "10.1.0.1 unready serving terminating; 10.1.0.2", "10.1.0.2", "Drop", "10.1.0.1" },
        { "serving and terminating is used where nothing is ready", "10.1.0.1 unready serving terminating", "10.1.0.1", "Drop", "" },
        { "terminating without serving is never used", "10.1.0.1 unready terminating", "Reject", "Reject", "10.1.0.1" },
        { "ready although terminating counts as ready (publishNotReadyAddresses)", "10.1.0.1 serving terminating", "10.1.0.1", "Drop", "" },

        // Local policy
        { "the local policy keeps to this node", "10.1.0.1@here; 10.1.0.2@there", "10.1.0.1 10.1.0.2", "10.1.0.1", "" },
        { "an endpoint without a node is on no node", "10.1.0.1", "10.1.0.1", "Drop", "" },
        { "all endpoints elsewhere drop under the local policy", "10.1.0.1@there", "10.1.0.1", "Drop", "" },
        { "the local policy falls back to terminating ones on this node, though others are ready elsewhere",
            "10.1.0.1@here unready serving terminating; 10.1.0.2@there", "10.1.0.2", "10.1.0.1", "" },
        { "the local policy prefers ready to terminating", "10.1.0.1@here unready serving terminating; 10.1.0.2@here", "10.1.0.2", "10.1.0.2", "10.1.0.1" },
        { "terminating ones elsewhere are still endpoints elsewhere", "10.1.0.1@there unready serving terminating", "10.1.0.1", "Drop", "" },

        // Topology: zone hints
        { "zone hints keep to this zone", "10.1.0.1 zones=a; 10.1.0.2 zones=b", "10.1.0.1", "Drop", "10.1.0.2" },
        { "one endpoint can be meant for several zones", "10.1.0.1 zones=a; 10.1.0.2 zones=b,a; 10.1.0.3 zones=b", "10.1.0.1 10.1.0.2", "Drop", "10.1.0.3" },
        { "no endpoint for this zone: all are used", "10.1.0.1 zones=b; 10.1.0.2 zones=c", "10.1.0.1 10.1.0.2", "Drop", "" },
        { "one ready endpoint without hints: all are used", "10.1.0.1 zones=a; 10.1.0.2 zones=b; 10.1.0.3", "10.1.0.1 10.1.0.2 10.1.0.3", "Drop", "" },
        { "an unready endpoint without hints does not matter", "10.1.0.1 zones=a; 10.1.0.2 zones=b; 10.1.0.3 unready", "10.1.0.1", "Drop", "10.1.0.2" },
        { "an unready endpoint does not make the zone served", "10.1.0.1 unready zones=a; 10.1.0.2 zones=b", "10.1.0.2", "Drop", "" },
        { "hints do not apply to the terminating fallback",
            "10.1.0.1 unready serving terminating zones=a; 10.1.0.2 unready serving terminating zones=b", "10.1.0.1 10.1.0.2", "Drop", "" },
        { "hints do not apply to the local policy", "10.1.0.1@here zones=b; 10.1.0.2@there zones=a", "10.1.0.2", "10.1.0.1", "" },

        // Topology: node hints
        { "node hints keep to this node", "10.1.0.1 nodes=here; 10.1.0.2 nodes=there", "10.1.0.1", "Drop", "10.1.0.2" },
        { "node hints go before zone hints", "10.1.0.1 nodes=here zones=b; 10.1.0.2 nodes=there zones=a", "10.1.0.1", "Drop", "10.1.0.2" },
        { "no node hint for this node: zone hints apply", "10.1.0.1 nodes=x zones=b; 10.1.0.2 nodes=y zones=a", "10.1.0.2", "Drop", "10.1.0.1" },
        { "a ready endpoint without node hints: zone hints apply", "10.1.0.1 nodes=here zones=b; 10.1.0.2 zones=a", "10.1.0.2", "Drop", "10.1.0.1" },
        { "neither for this node nor for this zone: all are used", "10.1.0.1 nodes=x zones=b; 10.1.0.2 nodes=y zones=c", "10.1.0.1 10.1.0.2", "Drop", "" },
        { "empty hints are no hints", "10.1.0.1 zones=a; 10.1.0.2 zones=", "10.1.0.1 10.1.0.2", "Drop", "" },

        // Form
        { "endpoints are ordered by address", "10.1.0.9; 10.1.0.10; 10.1.0.1", "10.1.0.1 10.1.0.9 10.1.0.10", "Drop", "" },
        { "an address twice in a slice is one endpoint", "10.1.0.1 unready; 10.1.0.1", "10.1.0.1", "Drop", "" },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void Both_policies_leave_the_right_endpoints(string name, string endpoints, string cluster, string local, string draining)
    {
        var scene = new Scene()
            .Service("web", service => service with
            {
                ExternalIPs = Scene.Addresses("192.0.2.1"),
                ExternalTrafficPolicy = TrafficPolicy.Local,
                Ports = [new ServicePortSpec("", TransportProtocol.Udp, 80, 0)],
            })
            .Slice(Scene.MakeSlice("web-1", "web", endpoints.Split(';', StringSplitOptions.RemoveEmptyEntries)) with
            {
                Ports = [new EndpointSlicePort("", TransportProtocol.Udp, 8080)],
            });

        var port = scene.Port("web", protocol: TransportProtocol.Udp);

        Assert.True(
            (cluster, local, draining) == (Scene.Hosts(port.Cluster), Scene.Hosts(port.Local), Scene.Hosts(port.Draining)),
            $"{name}: cluster {port.Cluster}, local {port.Local}, draining {Scene.Hosts(port.Draining)}");
    }

    [Fact]
    public void Zone_hints_are_ignored_where_the_nodes_zone_is_unknown() =>
        Assert.Equal("10.1.0.1 10.1.0.2", Scene.Hosts(new Scene(options => options with { Zone = null })
            .Service("web").Slice("web-1", "web", "10.1.0.1 zones=a", "10.1.0.2 zones=b").Port("web").Cluster));

    [Fact]
    public void The_node_objects_zone_goes_before_the_configured_one()
    {
        var scene = new Scene().Service("web").Slice("web-1", "web", "10.1.0.1 zones=a", "10.1.0.2 zones=b");
        scene.Take();

        Assert.Equal("~web/TCP/IPv4", scene.Node(new Node { Name = "here", Zone = "b" }).TakeKeys());
        Assert.Equal("10.1.0.2", Scene.Hosts(scene.Port("web").Cluster));
        Assert.Equal("~web/TCP/IPv4", scene.Apply(new SourceEvent.NodeDeleted("here")).TakeKeys());
        Assert.Equal("10.1.0.1", Scene.Hosts(scene.Port("web").Cluster));
    }

    [Fact]
    public void Only_udp_names_draining_endpoints() =>
        Assert.Empty(new Scene().Service("web").Slice("web-1", "web", "10.1.0.1", "10.1.0.2 unready serving terminating").Port("web").Draining);

    [Fact]
    public void Where_no_route_uses_the_local_policy_both_groups_are_one_object()
    {
        var port = new Scene().Service("web").Slice("web-1", "web", "10.1.0.1@here", "10.1.0.2").Port("web");
        Assert.Same(port.Cluster, port.Local);
    }

    [Fact]
    public void Where_no_route_uses_the_cluster_policy_endpoints_of_other_nodes_change_nothing()
    {
        var scene = new Scene()
            .Service("web", service => service with { InternalTrafficPolicy = TrafficPolicy.Local })
            .Slice("web-1", "web", "10.1.0.1@here", "10.1.0.2@there");
        var port = scene.Port("web");
        Assert.Same(port.Cluster, port.Local);
        Assert.Equal("10.1.0.1", Scene.Hosts(port.Local));

        Assert.True(scene.Slice("web-1", "web", "10.1.0.1@here", "10.1.0.3@there").Take().IsEmpty);
    }

    [Fact]
    public void Equal_groups_are_one_object()
    {
        var port = new Scene()
            .Service("web", service => service with { ExternalIPs = Scene.Addresses("192.0.2.1"), ExternalTrafficPolicy = TrafficPolicy.Local })
            .Slice("web-1", "web", "10.1.0.1@here").Port("web");
        Assert.Same(port.Cluster, port.Local);
    }
}
