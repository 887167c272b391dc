using System.Collections.Immutable;
using CsCheck;
using ProxyFramework.Core.Objects;
using ProxyFramework.Core.Sources;
using ProxyFramework.Core.View;
using Xunit;

namespace ProxyFramework.Core.Tests.View;

/// <summary>What holds for any sequence of events. The domains are small, so that names, addresses and ports collide.</summary>
public sealed class NodeViewProperties
{
    private static readonly NodeViewOptions Options = new()
    {
        NodeName = "n0",
        Zone = "z0",
        DetectLocalMode = LocalPodDetectionMode.NodeCidr,
    };

    private static readonly Gen<InetAddress> Virtual = OneOf(
        [.. Scene.Addresses("10.96.0.1 10.96.0.2 10.96.0.3 192.0.2.1 fd96::1 fd96::2 224.0.0.1")]);

    private static readonly Gen<TransportProtocol> Protocol = OneOf(TransportProtocol.Tcp, TransportProtocol.Udp);

    private static readonly Gen<TrafficPolicy> Policy = OneOf(TrafficPolicy.Cluster, TrafficPolicy.Local);

    private static readonly Gen<string> PortName = OneOf("", "a", "b");

    private static readonly Gen<ServicePortSpec> Port = Gen.Select(PortName, Protocol, Gen.Int[80, 81], OneOf(0, 30080, 30081),
        (name, protocol, port, nodePort) => new ServicePortSpec(name, protocol, (ushort)port, (ushort)nodePort));

    private static readonly Gen<ImmutableArray<KeyValuePair<string, string>>> Annotations = Gen.Frequency(
        (5, Gen.Const(ImmutableArray<KeyValuePair<string, string>>.Empty)),
        (1, OneOf<ImmutableArray<KeyValuePair<string, string>>>(
            [new("weights", """{"10.1.0.1": 0, "p1": 3}""")],
            [new("weights", """{"10.1.0.1": 0, "10.1.0.2": 0, "10.1.0.3": 0}""")],
            [new("retries", "2"), new("scheduler", "lc")],
            [new("weights", "[")])));

    private static readonly Gen<Service> Service =
        from name in Gen.Int[0, 4]
        from type in OneOf(ServiceType.ClusterIP, ServiceType.NodePort, ServiceType.LoadBalancer, ServiceType.LoadBalancer, ServiceType.ExternalName)
        from clusterIPs in Virtual.Array[0, 2]
        from externalIPs in Virtual.Array[0, 2]
        from loadBalancerIPs in Virtual.Array[0, 2]
        from ranges in OneOf("203.0.113.0/24", "fd00::/8", "192.0.2.0/24 fd00::/8").Array[0, 1]
        from ports in Port.Array[1, 3]
        from internalPolicy in Policy
        from externalPolicy in Policy
        from age in Gen.Int[0, 1]
        from affinity in OneOf(0, 0, 60)
        from annotations in Annotations
        select new Service
        {
            Name = new NamespacedName("ns", $"s{name}"),
            Type = type,
            ClusterIPs = [.. clusterIPs],
            ExternalIPs = [.. externalIPs],
            LoadBalancerIPs = [.. loadBalancerIPs],
            LoadBalancerSourceRanges = [.. ranges.SelectMany(range => Scene.Prefixes(range))],
            Ports = [.. ports],
            InternalTrafficPolicy = internalPolicy,
            ExternalTrafficPolicy = externalPolicy,
            CreationTimestamp = DateTimeOffset.UnixEpoch.AddDays(age),
            AffinityTimeoutSeconds = affinity,
            HealthCheckNodePort = (ushort)(type == ServiceType.LoadBalancer ? 32000 + name : 0),
            Annotations = annotations,
        };

    private static readonly Gen<TopologyHints?> Hints = Gen.Frequency(
        (1, Gen.Const((TopologyHints?)null)),
        (3, Gen.Select(OneOf("z0", "z1").Array[0, 2], OneOf("n0", "n1").Array[0, 1],
            (zones, nodes) => (TopologyHints?)new TopologyHints([.. zones], [.. nodes]))));

    private static readonly Gen<SliceEndpoint> Endpoint4 = Endpoint("10.1.0.1 10.1.0.2 10.1.0.3 10.1.0.4 169.254.0.1");

    private static readonly Gen<SliceEndpoint> Endpoint6 = Endpoint("fd01::1 fd01::2 fd01::3");

    private static readonly Gen<EndpointSlice> Slice =
        from name in Gen.Int[0, 6]
        from service in Gen.Int[0, 4]
        from family in OneOf(IPFamily.IPv4, IPFamily.IPv4, IPFamily.IPv6)
        from endpoints in (family == IPFamily.IPv4 ? Endpoint4 : Endpoint6).Array[0, 4]
        from ports in Gen.Select(PortName, Protocol, Gen.Int[8080, 8081], (port, protocol, number) => new EndpointSlicePort(port, protocol, (ushort)number)).Array[0, 4]
        from skipped in Gen.Int[0, 15]
        select new EndpointSlice
        {
            Name = new NamespacedName("ns", $"e{name}"),
            ServiceName = skipped == 0 ? null : $"s{service}",
            IsHeadless = skipped == 1,
            AddressType = skipped == 2 ? null : family,
            Ports = [.. ports],
            Endpoints = [.. endpoints],
        };

    private static readonly Gen<Node> AnyNode =
        from name in OneOf("n0", "n0", "n1")
        from zone in OneOf(null, "z0", "z1")
        from addresses in OneOf("", "192.0.2.1", "198.51.100.7 fd00::7")
        from ranges in OneOf("", "10.1.0.0/24", "10.1.0.0/24 fd01::/64")
        select new Node { Name = name, Zone = zone, Addresses = Scene.Addresses(addresses), PodCidrs = Scene.Prefixes(ranges) };

    // A step: an event, this machine's addresses, or a look at what changed.
    private static readonly Gen<object> Step = Gen.Frequency<object>(
        (8, Service.Select(service => (object)new SourceEvent.ServiceUpserted(service))),
        (2, Gen.Int[0, 4].Select(name => (object)new SourceEvent.ServiceDeleted(new NamespacedName("ns", $"s{name}")))),
        (12, Slice.Select(slice => (object)new SourceEvent.EndpointSliceUpserted(slice))),
        (3, Gen.Int[0, 6].Select(name => (object)new SourceEvent.EndpointSliceDeleted(new NamespacedName("ns", $"e{name}")))),
        (1, AnyNode.Select(node => (object)new SourceEvent.NodeUpserted(node))),
        (1, OneOf("n0", "n1").Select(name => (object)new SourceEvent.NodeDeleted(name))),
        (1, OneOf("127.0.0.1 192.0.2.1", "203.0.113.5 fd00::7 10.96.0.1", "198.51.100.7").Select(text => (object)Scene.Addresses(text))),
        (6, Gen.Const((object)"take")));

    [Fact]
    public void Any_sequence_of_events_comes_to_what_a_computation_from_scratch_gives() =>
        Gen.Select(Step.Array[1, 60], Gen.Int).Sample((steps, seed) =>
        {
            var problems = new HashSet<ObjectProblem>();
            var view = new NodeView(Options, problem => problems.Add(problem));
            var replayed = new Replay();
            var objects = new Dictionary<string, SourceEvent>();
            ImmutableArray<InetAddress> addresses = [];
            foreach (var step in steps)
            {
                switch (step)
                {
                    case SourceEvent change:
                        view.Apply(change);
                        Remember(objects, change);
                        break;
                    case ImmutableArray<InetAddress> own:
                        view.SetInterfaceAddresses(addresses = own);
                        break;
                    default:
                        replayed.Apply(view.TakeChanges(), view);
                        break;
                }
            }

            replayed.Apply(view.TakeChanges(), view);

            var scratch = new NodeView(Options);
            var final = objects.OrderBy(entry => entry.Key, StringComparer.Ordinal).Select(entry => entry.Value).ToArray();
            new Random(seed).Shuffle(final);
            foreach (var change in final)
            {
                scratch.Apply(change);
            }

            scratch.SetInterfaceAddresses(addresses);
            scratch.TakeChanges();

            AssertSame(scratch.ServicePorts, view.ServicePorts);
            AssertSame(scratch.HealthCheckNodePorts, view.HealthCheckNodePorts);
            Assert.Equal(scratch.Node, view.Node);
            Assert.Equal(scratch.IsNodeEligible, view.IsNodeEligible);
            Assert.Equal(scratch.Held, view.Held);
            Assert.Equal(Texts(scratch), Texts(view));
            Assert.Superset(view.CurrentProblems.ToHashSet(), problems);
            AssertWellFormed(view);
        }, iter: 3000);

    [Fact]
    public void An_event_that_says_again_what_is_known_changes_nothing() =>
        Step.Array[1, 40].Sample(steps =>
        {
            var reports = 0;
            var view = new NodeView(Options, _ => reports++);
            var objects = new Dictionary<string, SourceEvent>();
            foreach (var change in steps.OfType<SourceEvent>())
            {
                view.Apply(change);
                Remember(objects, change);
            }

            view.TakeChanges();
            reports = 0;
            foreach (var change in objects.Values)
            {
                view.Apply(change);
            }

            Assert.True(view.TakeChanges().IsEmpty);
            Assert.Equal(0, reports);
        }, iter: 1000);

    [Fact]
    public void Endpoints_that_this_node_never_uses_change_nothing() =>
        Gen.Select(Step.Array[1, 30], Slice).Sample((steps, slice) =>
        {
            var view = new NodeView(Options);
            foreach (var change in steps.OfType<SourceEvent>())
            {
                view.Apply(change);
            }

            view.TakeChanges();
            var dead = slice with
            {
                Name = new NamespacedName("ns", "dead"),
                Endpoints = [.. slice.Endpoints.Select(endpoint => endpoint with { Conditions = EndpointConditions.None })],
            };
            view.Apply(new SourceEvent.EndpointSliceUpserted(dead));
            Assert.True(view.TakeChanges().IsEmpty);
        }, iter: 1000);

    private static Gen<T> OneOf<T>(params T[] values) => Gen.Int[0, values.Length - 1].Select(index => values[index]);

    private static Gen<SliceEndpoint> Endpoint(string addresses) =>
        from address in OneOf([.. Scene.Addresses(addresses)])
        from conditions in OneOf(
            EndpointConditions.Ready | EndpointConditions.Serving,
            EndpointConditions.Ready | EndpointConditions.Serving,
            EndpointConditions.Serving | EndpointConditions.Terminating,
            EndpointConditions.Terminating,
            EndpointConditions.None,
            EndpointConditions.Ready | EndpointConditions.Serving | EndpointConditions.Terminating)
        from node in OneOf(null, "n0", "n1")
        from target in OneOf(null, "p1", "p2")
        from hints in Hints
        select new SliceEndpoint(address, conditions, node, target, hints);

    private static void Remember(Dictionary<string, SourceEvent> objects, SourceEvent change)
    {
        switch (change)
        {
            case SourceEvent.ServiceUpserted { Service.Name: var name }:
                objects[$"service {name}"] = change;
                break;
            case SourceEvent.ServiceDeleted { Name: var name }:
                objects.Remove($"service {name}");
                break;
            case SourceEvent.EndpointSliceUpserted { Slice.Name: var name }:
                objects[$"slice {name}"] = change;
                break;
            case SourceEvent.EndpointSliceDeleted { Name: var name }:
                objects.Remove($"slice {name}");
                break;
            case SourceEvent.NodeUpserted { Node.Name: var name }:
                objects[$"node {name}"] = change;
                break;
            case SourceEvent.NodeDeleted { Name: var name }:
                objects.Remove($"node {name}");
                break;
            default:
                break;
        }
    }

    private static IEnumerable<string> Texts(NodeView view) =>
        view.CurrentProblems.Select(problem => problem.ToString()).Distinct().Order(StringComparer.Ordinal);

    private static void AssertSame<TKey, TValue>(IReadOnlyDictionary<TKey, TValue> expected, IReadOnlyDictionary<TKey, TValue> actual)
        where TKey : notnull
    {
        Assert.Equal(expected.Count, actual.Count);
        foreach (var (key, value) in expected)
        {
            Assert.Equal(value, actual[key]);
        }
    }

    // What the contract promises of every service port.
    private static void AssertWellFormed(NodeView view)
    {
        var sockets = new HashSet<(InetAddress, ushort, TransportProtocol)>();
        foreach (var (key, port) in view.ServicePorts)
        {
            Assert.Equal(key, port.Key);
            Assert.NotEmpty(port.Frontends);
            Assert.Equal(port.Frontends.OrderBy(f => f.Kind).ThenBy(f => f.Address).ThenBy(f => f.Port), port.Frontends);
            foreach (var frontend in port.Frontends)
            {
                Assert.Equal(key.Family, frontend.Address.Family);
                Assert.True(sockets.Add((frontend.Address, frontend.Port, key.Protocol)), $"{frontend} belongs to two service ports");
            }

            foreach (var endpoints in new[] { port.Cluster.Endpoints, port.Local.Endpoints, port.Draining })
            {
                Assert.Equal(endpoints.DistinctBy(e => (e.Address, e.Port)).OrderBy(e => e.Address).ThenBy(e => e.Port), endpoints);
                Assert.All(endpoints, endpoint => Assert.True(endpoint.Address.Family == key.Family && endpoint.Weight > 0));
            }

            Assert.Empty(port.Draining.Select(e => (e.Address, e.Port)).Intersect(port.Cluster.Endpoints.Concat(port.Local.Endpoints).Select(e => (e.Address, e.Port))));
        }
    }

    /// <summary>What someone knows who sees only the changes.</summary>
    private sealed class Replay
    {
        private readonly Dictionary<ServicePortKey, ServicePort> _ports = [];
        private readonly Dictionary<NamespacedName, ServiceHealth> _health = [];
        private NodeState _node = NodeState.Unknown;

        public void Apply(NodeViewChanges changes, NodeView view)
        {
            var added = false;
            var keys = new HashSet<ServicePortKey>();
            foreach (var change in changes.ServicePorts)
            {
                Assert.True(keys.Add(change.Key), "a key came twice");
                Assert.Same(_ports.GetValueOrDefault(change.Key), change.Before);
                Assert.NotEqual(change.Before, change.After);
                if (change.After is null)
                {
                    Assert.False(added, "a removal came after an addition");
                    _ports.Remove(change.Key);
                }
                else
                {
                    added = true;
                    _ports[change.Key] = change.After;
                }
            }

            foreach (var change in changes.HealthCheckNodePorts)
            {
                Assert.Equal(_health.GetValueOrDefault(change.Service), change.Before);
                Assert.NotEqual(change.Before, change.After);
                if (change.After is null)
                {
                    _health.Remove(change.Service);
                }
                else
                {
                    _health[change.Service] = change.After;
                }
            }

            Assert.True(changes.Node is null || changes.Node != _node);
            _node = changes.Node ?? _node;
            AssertSame(view.ServicePorts, _ports);
            AssertSame(view.HealthCheckNodePorts, _health);
            Assert.Equal(view.Node, _node);
        }
    }
}
