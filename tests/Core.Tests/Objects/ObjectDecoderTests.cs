using System.Text;
using System.Text.Json;
using ProxyFramework.Core.Objects;
using ProxyFramework.Core.Tests.Sources;
using Xunit;
using static ProxyFramework.Core.Tests.Objects.DecodingCases;

namespace ProxyFramework.Core.Tests.Objects;

public class ObjectDecoderTests
{
    [Fact]
    public void A_Service_with_everything_is_read_in_full_and_what_is_not_used_is_passed_over()
    {
        var decoded = Decode("""
            {"apiVersion":"v1","kind":"Service",
             "metadata":{"name":"web","namespace":"shop","uid":"1","resourceVersion":"12","generateName":null,
              "creationTimestamp":"2024-05-01T10:00:00Z",
              "labels":{"app":"web","service.kubernetes.io/service-proxy-name":"other"},
              "annotations":{"proxyframework.io/weights":"{\"10.0.0.1\":5}","proxyframework.io/scheduler":"maglev","kubectl.kubernetes.io/last-applied-configuration":"{}"},
              "managedFields":[{"manager":"kubectl","fieldsV1":{"f:spec":{"f:ports":{".":{},"k:{\"port\":80}":{"f:port":{}}}}}}]},
             "spec":{"allocateLoadBalancerNodePorts":true,"clusterIP":"10.96.0.1","clusterIPs":["10.96.0.1","fd00::1"],
              "externalIPs":["192.0.2.7"],"externalTrafficPolicy":"Local","internalTrafficPolicy":"Local","healthCheckNodePort":32000,
              "ipFamilies":["IPv4","IPv6"],"ipFamilyPolicy":"PreferDualStack","loadBalancerSourceRanges":[" 10.0.0.0/8 ","fd00::/8"],
              "ports":[{"name":"http","port":80,"protocol":"TCP","targetPort":"web","nodePort":30080,"appProtocol":"http"},
                       {"name":"dns","port":53,"protocol":"UDP","targetPort":53},{"name":"s","port":53,"protocol":"SCTP"}],
              "selector":{"app":"web"},"sessionAffinity":"ClientIP","sessionAffinityConfig":{"clientIP":{"timeoutSeconds":60}},"type":"LoadBalancer"},
             "status":{"conditions":[],"loadBalancer":{"ingress":[{"ip":"198.51.100.1","ipMode":"VIP","ports":[]},{"ip":"198.51.100.2","ipMode":"Proxy"},{"hostname":"lb.example"},{"ip":"fd00::99"}]}}}
            """);
        Assert.Empty(Problems(decoded));
        Assert.Equal(
            new Service
            {
                Name = new("shop", "web"),
                CreationTimestamp = new(2024, 5, 1, 10, 0, 0, TimeSpan.Zero),
                ProxyName = "other",
                Type = ServiceType.LoadBalancer,
                ClusterIPs = [InetAddress.Parse("10.96.0.1"), InetAddress.Parse("fd00::1")],
                ExternalIPs = [InetAddress.Parse("192.0.2.7")],
                LoadBalancerIPs = [InetAddress.Parse("198.51.100.1"), InetAddress.Parse("fd00::99")],
                LoadBalancerSourceRanges = [InetPrefix.Parse("10.0.0.0/8"), InetPrefix.Parse("fd00::/8")],
                Ports =
                [
                    new("http", TransportProtocol.Tcp, 80, 30080),
                    new("dns", TransportProtocol.Udp, 53, 0),
                    new("s", TransportProtocol.Sctp, 53, 0),
                ],
                InternalTrafficPolicy = TrafficPolicy.Local,
                ExternalTrafficPolicy = TrafficPolicy.Local,
                AffinityTimeoutSeconds = 60,
                HealthCheckNodePort = 32000,
                Annotations = [new("scheduler", "maglev"), new("weights", "{\"10.0.0.1\":5}")],
            },
            decoded.Value);
    }

    [Fact]
    public void What_a_Service_leaves_out_has_the_defaults_of_the_API()
    {
        var service = (Service)Decode(Service()).Value!;
        Assert.Equal(
            new Service { Name = new("default", "web"), Ports = [new("", TransportProtocol.Tcp, 80, 0)] }, service);
        Assert.Equal(0, service.AffinityTimeoutSeconds);
        Assert.Equal(DateTimeOffset.MinValue, service.CreationTimestamp);
    }

    [Fact]
    public void Null_is_as_good_as_absent_everywhere()
    {
        var decoded = Decode("""
            {"apiVersion":"v1","kind":"Service","metadata":{"name":"web","namespace":null,"labels":null,"annotations":null,"creationTimestamp":null},
             "spec":{"clusterIP":null,"clusterIPs":null,"externalIPs":null,"type":null,"sessionAffinity":null,"sessionAffinityConfig":{"clientIP":null},
             "internalTrafficPolicy":null,"externalTrafficPolicy":null,"healthCheckNodePort":null,"loadBalancerSourceRanges":null,
             "ports":[{"name":null,"protocol":null,"port":80,"nodePort":null}]},"status":{"loadBalancer":{"ingress":null}}}
            """);
        Assert.Empty(Problems(decoded));
        Assert.Equal(new Service { Name = new("default", "web"), Ports = [new("", TransportProtocol.Tcp, 80, 0)] }, decoded.Value);
    }

    [Theory]
    [InlineData(""","clusterIP":"10.96.0.1" """, "10.96.0.1")]
    [InlineData(""","clusterIP":"10.96.0.1","clusterIPs":[]""", "10.96.0.1")]
    [InlineData(""","clusterIP":"10.96.0.1","clusterIPs":["10.96.0.2"]""", "10.96.0.2")]
    [InlineData(""","clusterIP":"" """, "")]
    [InlineData(""","clusterIP":"None" """, "")]
    [InlineData(""","clusterIP":"None","clusterIPs":["None"]""", "")]
    [InlineData(""","clusterIPs":["::ffff:10.96.0.1"]""", "10.96.0.1")]
    public void Cluster_IPs_come_from_the_list_or_else_from_the_single_field(string spec, string expected)
    {
        var decoded = Decode(Service(spec));
        Assert.Empty(Problems(decoded));
        Assert.Equal(expected, string.Join(' ', ((Service)decoded.Value!).ClusterIPs));
    }

    [Theory]
    [InlineData(""","sessionAffinity":"ClientIP" """, 10800)]
    [InlineData(""","sessionAffinityConfig":{"clientIP":{"timeoutSeconds":5}},"sessionAffinity":"ClientIP" """, 5)]
    [InlineData(""","sessionAffinity":"None","sessionAffinityConfig":{"clientIP":{"timeoutSeconds":5}}""", 0)]
    [InlineData(""","sessionAffinity":"ClientIP","sessionAffinityConfig":{"clientIP":{"timeoutSeconds":86400}}""", 86400)]
    public void The_affinity_timeout_counts_only_with_affinity_and_in_any_order(string spec, int expected) =>
        Assert.Equal(expected, ((Service)Decode(Service(spec)).Value!).AffinityTimeoutSeconds);

    [Theory]
    [InlineData(""","clusterIP":"None" """)]
    [InlineData(""","type":"ExternalName","externalName":"db.example" """)]
    public void Headless_and_ExternalName_Services_need_no_ports(string spec) =>
        Assert.NotNull(Decode(Service(spec, ports: "null")).Value);

    [Fact]
    public void An_EndpointSlice_is_read_whatever_the_order_of_its_fields()
    {
        const string Endpoints = """
            "endpoints":[{"addresses":["10.0.0.1","10.0.0.2"],"conditions":{"ready":true,"serving":true,"terminating":false},"nodeName":"node-1","zone":"a",
             "targetRef":{"kind":"Pod","name":"web-1","namespace":"shop"},"hints":{"forZones":[{"name":"a"}],"forNodes":[{"name":"node-1"}]}},
             {"addresses":["10.0.0.3"]}]
            """;
        const string Rest = """
            "kind":"EndpointSlice","ports":[{"name":"http","port":8080,"protocol":"TCP","appProtocol":null},{"port":null}],"apiVersion":"discovery.k8s.io/v1",
            "metadata":{"labels":{"kubernetes.io/service-name":"web","service.kubernetes.io/headless":""},"name":"web-x","namespace":"shop",
            "annotations":{"endpoints.kubernetes.io/last-change-trigger-time":"2024-05-01T10:00:00.123456789Z"}}
            """;
        var first = Decode($$"""{ {{Endpoints}}, {{Rest}}, "addressType":"IPv4" }""");
        var last = Decode($$"""{ "addressType":"IPv4", {{Rest}}, {{Endpoints}} }""");
        Assert.Empty(Problems(first));
        Assert.Equal(first.Value, last.Value);
        Assert.Equal(
            new EndpointSlice
            {
                Name = new("shop", "web-x"),
                ServiceName = "web",
                IsHeadless = true,
                AddressType = IPFamily.IPv4,
                Ports = [new("http", TransportProtocol.Tcp, 8080), new("", TransportProtocol.Tcp, 0)],
                Endpoints =
                [
                    new(InetAddress.Parse("10.0.0.1"), EndpointConditions.Ready | EndpointConditions.Serving, "node-1", "web-1", new(["a"], ["node-1"])),
                    new(InetAddress.Parse("10.0.0.3"), EndpointConditions.Ready | EndpointConditions.Serving, null, null, null),
                ],
                LastChangeTriggerTime = new DateTimeOffset(2024, 5, 1, 10, 0, 0, TimeSpan.Zero).AddTicks(1234567),
            },
            first.Value);
    }

    [Theory]
    [InlineData("null", EndpointConditions.Ready | EndpointConditions.Serving)]
    [InlineData("{}", EndpointConditions.Ready | EndpointConditions.Serving)]
    [InlineData("""{"ready":null}""", EndpointConditions.Ready | EndpointConditions.Serving)]
    [InlineData("""{"ready":false}""", EndpointConditions.None)]
    [InlineData("""{"ready":false,"serving":true,"terminating":true}""", EndpointConditions.Serving | EndpointConditions.Terminating)]
    [InlineData("""{"serving":false}""", EndpointConditions.Ready)]
    [InlineData("""{"terminating":true}""", EndpointConditions.Ready | EndpointConditions.Serving | EndpointConditions.Terminating)]
    public void Conditions_that_are_absent_have_the_defaults_of_the_API(string conditions, EndpointConditions expected)
    {
        var slice = (EndpointSlice)Decode(Slice($$"""[{"addresses":["10.0.0.1"],"conditions":{{conditions}}}]""")).Value!;
        Assert.Equal(expected, slice.Endpoints[0].Conditions);
    }

    [Fact]
    public void A_slice_of_names_is_read_without_its_endpoints()
    {
        var decoded = Decode(Slice("""[{"addresses":["db.example"]}]""", addressType: "\"FQDN\""));
        Assert.Empty(Problems(decoded));
        var slice = (EndpointSlice)decoded.Value!;
        Assert.Null(slice.AddressType);
        Assert.Empty(slice.Endpoints);
    }

    [Fact]
    public void A_Node_is_read()
    {
        var decoded = Decode(Node(
            """{"podCIDR":"10.244.1.0/24","podCIDRs":["10.244.1.0/24","fd00:1::/64"],"taints":[{"key":"ToBeDeletedByClusterAutoscaler","effect":"NoSchedule"}]}""",
            """{"addresses":[{"type":"Hostname","address":"node-1"},{"address":"203.0.113.1","type":"ExternalIP"},{"type":"InternalIP","address":"10.0.0.5"},{"type":"InternalIP","address":"fd00::5"}],"images":[]}""",
            ""","labels":{"topology.kubernetes.io/zone":"a"},"deletionTimestamp":"2024-05-01T10:00:00Z" """));
        Assert.Empty(Problems(decoded));
        Assert.Equal(
            new Node
            {
                Name = "node-1",
                Zone = "a",
                Addresses = [InetAddress.Parse("10.0.0.5"), InetAddress.Parse("fd00::5"), InetAddress.Parse("203.0.113.1")],
                PodCidrs = [InetPrefix.Parse("10.244.1.0/24"), InetPrefix.Parse("fd00:1::/64")],
                IsBeingDeleted = true,
                IsToBeDeletedByAutoscaler = true,
            },
            decoded.Value);
        Assert.Equal(new Node { Name = "node-1", PodCidrs = [InetPrefix.Parse("10.1.0.0/24")] }, Decode(Node("""{"podCIDR":"10.1.0.0/24"}""")).Value);
    }

    [Theory]
    [InlineData("apps/v1", "Deployment")]
    [InlineData("serving.knative.dev/v1", "Service")]
    [InlineData("v1", "Endpoints")]
    [InlineData("v1", "EndpointSlice")]
    public void Other_kinds_are_told_apart_and_are_no_problem(string apiVersion, string kind)
    {
        var decoded = Decode($$"""{"apiVersion":"{{apiVersion}}","kind":"{{kind}}","metadata":{"name":"x"},"spec":5}""");
        Assert.True(decoded.IsOtherKind);
        Assert.False(decoded.IsRefused);
        Assert.Empty(decoded.Problems);
        Assert.Equal(new NamespacedName("default", "x"), decoded.Name);
    }

    [Fact]
    public void Strings_that_recur_are_held_once()
    {
        var decoder = new ObjectDecoder(new InternedStrings());
        var json = Encoding.UTF8.GetBytes(Slice("""[{"addresses":["10.0.0.1"],"nodeName":"node-1","hints":{"forZones":[{"name":"a"}]}}]"""));
        var first = (EndpointSlice)decoder.Decode(json).Value!;
        var second = (EndpointSlice)decoder.Decode(json).Value!;
        Assert.Same(first.Name.Namespace, second.Name.Namespace);
        Assert.Same(first.Ports[0].Name, second.Ports[0].Name);
        Assert.Same(first.Endpoints[0].NodeName, second.Endpoints[0].NodeName);
        Assert.Same(first.Endpoints[0].Hints, second.Endpoints[0].Hints);
    }

    [Fact]
    public void A_decoder_carries_nothing_from_one_object_to_the_next()
    {
        var decoder = new ObjectDecoder(new InternedStrings());
        decoder.Decode(Encoding.UTF8.GetBytes(Service(""","clusterIP":"None","externalIPs":["192.0.2.1"],"sessionAffinity":"ClientIP" """, metadata: ""","annotations":{"proxyframework.io/a":"b"},"namespace":"x" """)));
        decoder.Decode(Encoding.UTF8.GetBytes(Service("""{""")));
        Assert.Equal(Decode(Service()).Value, decoder.Decode(Encoding.UTF8.GetBytes(Service())).Value);
    }

    [Fact]
    public void An_object_inside_a_watch_event_is_decoded_where_it_stands()
    {
        var reader = new Utf8JsonReader(Encoding.UTF8.GetBytes($$"""{"object":{{Service()}},"type":"ADDED"}"""));
        reader.Read();
        reader.Read();
        reader.Read();
        var decoded = new ObjectDecoder(new InternedStrings()).Decode(ref reader);
        Assert.Equal("Service default/web", decoded.Description);
        Assert.Equal(JsonTokenType.EndObject, reader.TokenType);
        Assert.True(reader.Read());
        Assert.True(reader.ValueTextEquals("type"));
    }

    [Fact]
    public Task A_decoded_slice_costs_little_more_than_itself()
    {
        var decoder = new ObjectDecoder(new InternedStrings());
        var endpoints = string.Join(',', Enumerable.Range(1, 100).Select(i => $$$"""{"addresses":["10.0.0.{{{i}}}"],"nodeName":"node-{{{i % 5}}}","conditions":{"ready":true}}"""));
        var json = Encoding.UTF8.GetBytes(Slice($"[{endpoints}]"));

        // 100 endpoints of 48 bytes each, and the slice with its names; once the code has been optimised.
        return Eventually.TrueAsync(() => Allocated() < 6_000, () => $"{Allocated()} bytes");

        long Allocated()
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            decoder.Decode(json);
            return GC.GetAllocatedBytesForCurrentThread() - before;
        }
    }

    [Fact]
    public void The_pool_of_strings_is_bounded()
    {
        var strings = new InternedStrings(16);
        for (var i = 0; i < 1000; i++)
        {
            Assert.Equal($"node-{i}", strings.Get($"node-{i}"));
        }

        Assert.NotSame(strings.Get(new string('a', 254)), strings.Get(new string('a', 254)));
    }
}
