using ProxyFramework.Core.Objects;
using Xunit;
using static ProxyFramework.Core.Tests.Objects.DecodingCases;

namespace ProxyFramework.Core.Tests.Objects;

/// <summary>What is wrong in an object is named with its field and what was expected, and costs nothing but itself.</summary>
public class ObjectDecoderProblemTests
{
    /// <summary>Name, JSON, the problem.</summary>
    public static TheoryData<string, string, string> RefusedFields => new()
    {
        { "cluster IP that is none", Service(""","clusterIPs":["10.0.0.1","10.0.0.300"]"""), "spec.clusterIPs[1]: '10.0.0.300' is not an IP address" },
        { "cluster IP of a second IPv4", Service(""","clusterIPs":["10.0.0.1","10.0.0.2"]"""), "spec.clusterIPs[1]: 10.0.0.2 is a second IPv4 address: a Service has one cluster IP of each family" },
        { "cluster IP with a zone", Service(""","clusterIP":"fe80::1%eth0" """), "spec.clusterIP: 'fe80::1%eth0' is not an IP address" },
        { "cluster IP unspecified", Service(""","clusterIP":"0.0.0.0" """), "spec.clusterIP: 0.0.0.0 is the unspecified address, nothing can be sent to it" },
        { "cluster IP a number", Service(""","clusterIPs":[5]"""), "spec.clusterIPs[0]: expected an IP address, found 5" },
        { "external IP multicast", Service(""","externalIPs":["224.0.0.1"]"""), "spec.externalIPs[0]: 224.0.0.1 is a multicast address, nothing can be sent to it" },
        { "port 0", Service(ports: """[{"port":80},{"name":"b","port":0}]"""), "spec.ports[1].port: expected a whole number 1…65535, found 0" },
        { "port too high", Service(ports: """[{"port":65536}]"""), "spec.ports[0].port: expected a whole number 1…65535, found 65536" },
        { "port huge", Service(ports: """[{"port":99999999999999999999}]"""), "spec.ports[0].port: expected a whole number 1…65535, found 99999999999999999999" },
        { "port with a fraction", Service(ports: """[{"port":80.5}]"""), "spec.ports[0].port: expected a whole number 1…65535, found 80.5" },
        { "port a string", Service(ports: """[{"port":"80"}]"""), "spec.ports[0].port: expected a whole number 1…65535, found '80'" },
        { "port missing", Service(ports: """[{"name":"http"}]"""), "spec.ports[0].port: is missing" },
        { "port null", Service(ports: """[{"port":null}]"""), "spec.ports[0].port: is missing" },
        { "port entry a number", Service(ports: "[80]"), "spec.ports[0]: expected an object, found 80" },
        { "protocol in lower case", Service(ports: """[{"port":80,"protocol":"tcp"}]"""), "spec.ports[0].protocol: expected TCP, UDP or SCTP, found 'tcp'" },
        { "node port out of range", Service(ports: """[{"port":80,"nodePort":70000}]"""), "spec.ports[0].nodePort: expected a whole number 0…65535, found 70000" },
        { "port name that is none", Service(ports: """[{"port":80,"name":"My Port"}]"""), "spec.ports[0].name: 'My Port' is not the name of a port: lower-case letters, digits and '-' are" },
        { "port name twice", Service(ports: """[{"port":80,"name":"a"},{"port":81,"name":"a"}]"""), "spec.ports[1].name: 'a' is the name of an earlier port" },
        { "two ports without name", Service(ports: """[{"port":80},{"port":81}]"""), "spec.ports[1].name: is missing: where there are several ports, each has a name" },
        { "port number twice", Service(ports: """[{"port":80,"name":"a"},{"port":80,"name":"b"}]"""), "spec.ports[1].port: 80/TCP is already that of port 'a'" },
        { "type unknown", Service(""","type":"Magic" """), "spec.type: expected ClusterIP, NodePort, LoadBalancer or ExternalName, found 'Magic'" },
        { "internal policy unknown", Service(""","internalTrafficPolicy":"local" """), "spec.internalTrafficPolicy: expected Cluster or Local, found 'local'" },
        { "external policy unknown", Service(""","externalTrafficPolicy":"Global" """), "spec.externalTrafficPolicy: expected Cluster or Local, found 'Global'" },
        { "affinity unknown", Service(""","sessionAffinity":"Cookie" """), "spec.sessionAffinity: expected None or ClientIP, found 'Cookie'" },
        { "affinity timeout 0", Service(""","sessionAffinity":"ClientIP","sessionAffinityConfig":{"clientIP":{"timeoutSeconds":0}}"""), "spec.sessionAffinityConfig.clientIP.timeoutSeconds: expected a whole number 1…86400, found 0" },
        { "affinity timeout over a day", Service(""","sessionAffinity":"ClientIP","sessionAffinityConfig":{"clientIP":{"timeoutSeconds":86401}}"""), "spec.sessionAffinityConfig.clientIP.timeoutSeconds: expected a whole number 1…86400, found 86401" },
        { "source range that is none", Service(""","loadBalancerSourceRanges":["10.0.0.0/8","10.0.0.0/33"]"""), "spec.loadBalancerSourceRanges[1]: '10.0.0.0/33' is not a range of addresses in CIDR notation" },
        { "source range without length", Service(""","loadBalancerSourceRanges":["10.0.0.1","10.0.0.0/8"]"""), "spec.loadBalancerSourceRanges[0]: '10.0.0.1' is not a range of addresses in CIDR notation" },
        { "health check port negative", Service(""","healthCheckNodePort":-1"""), "spec.healthCheckNodePort: expected a whole number 0…65535, found -1" },
        { "ingress IP that is none", Service(status: """{"loadBalancer":{"ingress":[{"ip":"nowhere"}]}}"""), "status.loadBalancer.ingress[0].ip: 'nowhere' is not an IP address" },
        { "ingress mode unknown", Service(status: """{"loadBalancer":{"ingress":[{"ip":"1.2.3.4","ipMode":"Nat"}]}}"""), "status.loadBalancer.ingress[0].ipMode: expected VIP or Proxy, found 'Nat'" },
        { "annotation not a string", Service(metadata: ""","annotations":{"proxyframework.io/weights":{"a":1}}"""), "metadata.annotations[proxyframework.io/weights]: expected a string, found an object" },
        { "label not a string", Service(metadata: ""","labels":{"service.kubernetes.io/service-proxy-name":true}"""), "metadata.labels[service.kubernetes.io/service-proxy-name]: expected a string, found true" },
        { "creation time that is none", Service(metadata: ""","creationTimestamp":"yesterday" """), "metadata.creationTimestamp: 'yesterday' is not a time as RFC 3339 writes it" },
        { "control characters in a value", Service(""","clusterIP":"\u001b[31m\u202e" """), "spec.clusterIP: '\\u001b[31m\\u202e' is not an IP address" },
        { "a very long value", Service($",\"type\":\"{new string('x', 200)}\""), $"spec.type: expected ClusterIP, NodePort, LoadBalancer or ExternalName, found '{new string('x', 64)}…'" },
        { "endpoint address that is none", Slice("""[{"addresses":["10.0.0.1"]},{"addresses":["10.0.0"]}]"""), "endpoints[1].addresses[0]: '10.0.0' is not an IP address" },
        { "endpoint address of the other family", Slice("""[{"addresses":["fd00::1"]}]"""), "endpoints[0].addresses[0]: fd00::1 is not an IPv4 address, which addressType asks for" },
        { "endpoint without addresses", Slice("""[{"nodeName":"a"}]"""), "endpoints[0].addresses: is missing" },
        { "endpoint with addresses null", Slice("""[{"addresses":null}]"""), "endpoints[0].addresses: is missing" },
        { "endpoint with empty addresses", Slice("""[{"addresses":[]}]"""), "endpoints[0].addresses: is empty" },
        { "endpoint a string", Slice("""["10.0.0.1"]"""), "endpoints[0]: expected an object, found '10.0.0.1'" },
        { "condition not a boolean", Slice("""[{"addresses":["10.0.0.1"],"conditions":{"ready":"yes"}}]"""), "endpoints[0].conditions.ready: expected true or false, found 'yes'" },
        { "node name not a string", Slice("""[{"addresses":["10.0.0.1"],"nodeName":7}]"""), "endpoints[0].nodeName: expected a string, found 7" },
        { "hint not a string", Slice("""[{"addresses":["10.0.0.1"],"hints":{"forZones":[{"name":"a"},{"name":1}]}}]"""), "endpoints[0].hints.forZones[1].name: expected a string, found 1" },
        { "slice port name twice", Slice(ports: """[{"name":"a","port":1},{"name":"a","port":2}]"""), "ports[1].name: 'a' is the name of an earlier port" },
        { "slice port 0", Slice(ports: """[{"name":"a","port":0}]"""), "ports[0].port: expected a whole number 1…65535, found 0" },
        { "trigger time that is none", Slice(metadata: ""","annotations":{"endpoints.kubernetes.io/last-change-trigger-time":"2024-13-01T00:00:00Z"}"""), "metadata.annotations[endpoints.kubernetes.io/last-change-trigger-time]: '2024-13-01T00:00:00Z' is not a time as RFC 3339 writes it" },
        { "node address that is none", Node(status: """{"addresses":[{"type":"InternalIP","address":"?"}]}"""), "status.addresses[0].address: '?' is not an IP address" },
        { "pod range that is none", Node("""{"podCIDRs":["10.0.0.0/8","x"]}"""), "spec.podCIDRs[1]: 'x' is not a range of addresses in CIDR notation" },
    };

    /// <summary>Name, JSON, the problem.</summary>
    public static TheoryData<string, string, string> RefusedObjects => new()
    {
        { "empty text", "", ": is not JSON: line 1, byte 1: The input does not contain any JSON tokens. Expected the input to start with a valid JSON token, when isFinalBlock is true." },
        { "cut off", """{"kind":""", ": is not JSON: line 1, byte 9: Expected depth to be zero at the end of the JSON payload. There is an open JSON object or array that should be closed." },
        { "two objects", "{} {}", ": is not JSON: line 1, byte 4: '{' is invalid after a single JSON value. Expected end of data." },
        { "a list", "[]", ": expected an object, found a list" },
        { "a string", "\"Service\"", ": expected an object, found 'Service'" },
        { "kind missing", """{"apiVersion":"v1","metadata":{"name":"a"}}""", "kind: is missing" },
        { "kind a number", """{"apiVersion":"v1","kind":1}""", "kind: is missing" },
        { "version missing", """{"kind":"Service","metadata":{"name":"a"}}""", "apiVersion: is missing" },
        { "slice of an old version", """{"apiVersion":"discovery.k8s.io/v1beta1","kind":"EndpointSlice","metadata":{"name":"a"}}""", "apiVersion: 'discovery.k8s.io/v1beta1' is not supported: use discovery.k8s.io/v1" },
        { "service of an unknown version", """{"apiVersion":"v2","kind":"Service","metadata":{"name":"a"}}""", "apiVersion: 'v2' is not supported: use v1" },
        { "name missing", """{"apiVersion":"v1","kind":"Node","metadata":{}}""", "metadata.name: is missing" },
        { "metadata missing", """{"apiVersion":"v1","kind":"Node"}""", "metadata.name: is missing" },
        { "name a number", """{"apiVersion":"v1","kind":"Node","metadata":{"name":5}}""", "metadata.name: expected a string, found 5" },
        { "name that is none", """{"apiVersion":"v1","kind":"Node","metadata":{"name":"a/b"}}""", "metadata.name: 'a/b' is not a name: at most 253 lower-case letters, digits, '-' and '.' are" },
        { "namespace that is none", Service(metadata: ""","namespace":"A" """), "metadata.namespace: 'A' is not a name: at most 253 lower-case letters, digits, '-' and '.' are" },
        { "metadata a list", """{"apiVersion":"v1","kind":"Node","metadata":[]}""", "metadata: expected an object, found a list" },
        { "spec a string", """{"apiVersion":"v1","kind":"Service","metadata":{"name":"a"},"spec":"x"}""", "spec: expected an object, found 'x'" },
        { "ports an object", Service(ports: "{}"), "spec.ports: expected a list, found an object" },
        { "no ports", Service(ports: "[]"), "spec.ports: is missing: a Service that is neither headless nor an ExternalName has at least one port" },
        { "address type missing", Slice(addressType: "null"), "addressType: is missing: it is IPv4, IPv6 or FQDN" },
        { "address type unknown", Slice(addressType: "\"ipv4\""), "addressType: expected IPv4, IPv6 or FQDN, found 'ipv4'" },
        { "endpoints an object", Slice("{}"), "endpoints: expected a list, found an object" },
        { "half of a surrogate pair", """{"apiVersion":"v1","kind":"Node","metadata":{"name":"\ud800"}}""", ": holds text that is not Unicode" },
    };

    [Theory]
    [MemberData(nameof(RefusedFields))]
    public void A_bad_field_is_named_and_the_object_stays(string name, string json, string problem)
    {
        var decoded = Decode(json);
        Assert.Equal(problem, Problems(decoded));
        Assert.True(decoded.Value is not null, name);
        Assert.False(decoded.IsRefused);
    }

    [Theory]
    [MemberData(nameof(RefusedObjects))]
    public void What_leaves_nothing_to_be_used_refuses_the_object(string name, string json, string problem)
    {
        var decoded = Decode(json);
        Assert.Equal(problem, Problems(decoded));
        Assert.True(decoded.IsRefused, name);
    }

    [Fact]
    public void A_bad_element_leaves_the_others_in_place()
    {
        var service = (Service)Decode(Service(
            ""","externalIPs":["192.0.2.1","x","192.0.2.2"]""", ports: """[{"name":"a","port":1},{"name":"b","port":0},{"name":"c","port":3}]""")).Value!;
        Assert.Equal(["192.0.2.1", "192.0.2.2"], service.ExternalIPs.Select(address => address.ToString()));
        Assert.Equal(["a", "c"], service.Ports.Select(port => port.Name));
    }

    [Fact]
    public void Source_ranges_of_which_none_can_be_read_do_not_open_the_load_balancer_to_everyone()
    {
        var decoded = Decode(Service(""","loadBalancerSourceRanges":["x"]""", status: """{"loadBalancer":{"ingress":[{"ip":"192.0.2.1"}]}}"""));
        Assert.Empty(((Service)decoded.Value!).LoadBalancerIPs);
        Assert.Contains("spec.loadBalancerSourceRanges: none of the ranges could be read, so the load balancer IPs are left out", Problems(decoded), StringComparison.Ordinal);
    }

    [Fact]
    public void A_thousand_bad_endpoints_are_reported_in_a_bounded_number_of_lines()
    {
        var endpoints = "[" + string.Join(',', Enumerable.Repeat("""{"addresses":["x"]}""", 1000)) + "]";
        var decoded = Decode(Slice(endpoints));
        Assert.Equal(21, decoded.Problems.Length);
        Assert.Equal(new FieldProblem("", "and 980 more problems"), decoded.Problems[^1]);
    }

    [Fact]
    public void What_refuses_the_object_is_reported_even_after_many_other_problems()
    {
        var endpoints = "[" + string.Join(',', Enumerable.Repeat("""{"addresses":["x"]}""", 1000)) + "]";
        var decoded = Decode(Slice(endpoints, ports: "{}").Replace("\"ports\":{},", "", StringComparison.Ordinal)[..^1] + ",\"ports\":{}}");
        Assert.True(decoded.IsRefused);
        Assert.Contains("ports: expected a list, found an object", Problems(decoded), StringComparison.Ordinal);
    }

    [Fact]
    public void An_object_nested_too_deeply_is_refused()
    {
        var decoded = Decode("""{"apiVersion":"v1","kind":"Node","x":""" + new string('[', 100_000));
        Assert.StartsWith(": is not JSON: ", Problems(decoded), StringComparison.Ordinal);
    }

    [Fact]
    public void A_problem_names_the_object_as_far_as_it_could_be_read()
    {
        Assert.Equal("Service default/web", Decode(Service(ports: "{}")).Description);
        Assert.Equal("Node node-1", Decode(Node(spec: "5")).Description);
        Assert.Equal("Node", Decode("""{"apiVersion":"v1","kind":"Node"}""").Description);
        Assert.Equal("", Decode("[").Description);
    }
}
