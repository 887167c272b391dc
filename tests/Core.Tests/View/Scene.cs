using System.Collections.Immutable;
using System.Globalization;
using ProxyFramework.Core.Objects;
using ProxyFramework.Core.Sources;
using ProxyFramework.Core.View;

namespace ProxyFramework.Core.Tests.View;

/// <summary>
/// A node view with short ways to say what is fed to it and what came out. The node is <c>here</c>, in zone <c>a</c>; service names
/// are in namespace <c>default</c>. An endpoint is written
/// <c>10.1.0.1@here unready serving terminating target=web-0 zones=a,b nodes=here</c>; only the address must be there.
/// </summary>
internal sealed class Scene
{
    public Scene(Func<NodeViewOptions, NodeViewOptions>? configure = null)
    {
        var options = new NodeViewOptions { NodeName = "here", Zone = "a" };
        View = new NodeView(configure?.Invoke(options) ?? options, Problems.Add);
    }

    public NodeView View { get; }

    public List<ObjectProblem> Problems { get; } = [];

    public static NamespacedName Name(string name) => new("default", name);

    public static ImmutableArray<InetAddress> Addresses(string text) =>
        [.. text.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(address => InetAddress.Parse(address))];

    public static ImmutableArray<InetPrefix> Prefixes(string text) =>
        [.. text.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(prefix => InetPrefix.Parse(prefix))];

    public static Service MakeService(string name, string clusterIPs = "10.96.0.1") => new()
    {
        Name = Name(name),
        ClusterIPs = Addresses(clusterIPs),
        Ports = [new ServicePortSpec("", TransportProtocol.Tcp, 80, 0)],
    };

    public static EndpointSlice MakeSlice(string name, string service, params IEnumerable<string> endpoints)
    {
        ImmutableArray<SliceEndpoint> parsed = [.. endpoints.Select(MakeEndpoint)];
        return new EndpointSlice
        {
            Name = Name(name),
            ServiceName = service,
            AddressType = parsed.IsEmpty ? IPFamily.IPv4 : parsed[0].Address.Family,
            Ports = [new EndpointSlicePort("", TransportProtocol.Tcp, 8080)],
            Endpoints = parsed,
        };
    }

    public static SliceEndpoint MakeEndpoint(string text)
    {
        var words = text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var place = words[0].Split('@');
        var conditions = EndpointConditions.None;
        if (!words.Contains("unready"))
        {
            conditions |= EndpointConditions.Ready | EndpointConditions.Serving;
        }

        conditions |= words.Contains("serving") ? EndpointConditions.Serving : 0;
        conditions |= words.Contains("terminating") ? EndpointConditions.Terminating : 0;
        string? Value(string key) => words.FirstOrDefault(word => word.StartsWith(key + "=", StringComparison.Ordinal))?[(key.Length + 1)..];
        ImmutableArray<string> List(string key) => [.. Value(key)?.Split(',', StringSplitOptions.RemoveEmptyEntries) ?? []];
        return new SliceEndpoint(
            InetAddress.Parse(place[0]),
            conditions,
            place.Length > 1 ? place[1] : null,
            Value("target"),
            Value("zones") is null && Value("nodes") is null ? null : new TopologyHints(List("zones"), List("nodes")));
    }

    public Scene Service(string name, Func<Service, Service>? change = null) =>
        Apply(new SourceEvent.ServiceUpserted(change?.Invoke(MakeService(name)) ?? MakeService(name)));

    public Scene NoService(string name) => Apply(new SourceEvent.ServiceDeleted(Name(name)));

    public Scene Slice(string name, string service, params IEnumerable<string> endpoints) => Slice(MakeSlice(name, service, endpoints));

    public Scene Slice(EndpointSlice slice) => Apply(new SourceEvent.EndpointSliceUpserted(slice));

    public Scene NoSlice(string name) => Apply(new SourceEvent.EndpointSliceDeleted(Name(name)));

    public Scene Node(Node node) => Apply(new SourceEvent.NodeUpserted(node));

    public Scene Interfaces(string addresses)
    {
        View.SetInterfaceAddresses(Addresses(addresses));
        return this;
    }

    public Scene Apply(SourceEvent change)
    {
        View.Apply(change);
        return this;
    }

    public NodeViewChanges Take() => View.TakeChanges();

    /// <summary>Takes the changes and says what happened to each service port: <c>+web/TCP/IPv4</c>, <c>~…</c>, <c>-…</c>.</summary>
    public string TakeKeys() => string.Join(' ', Take().ServicePorts.Select(change =>
        (change.Before is null ? "+" : change.After is null ? "-" : "~") + Short(change.Key)));

    public static string Short(ServicePortKey key) => key.ToString()["default/".Length..];

    /// <summary>The service ports that there are, ordered.</summary>
    public string Keys()
    {
        View.TakeChanges();
        return string.Join(' ', View.ServicePorts.Keys.Select(Short).Order(StringComparer.Ordinal));
    }

    public ServicePort Port(string service, string port = "", TransportProtocol protocol = TransportProtocol.Tcp, IPFamily family = IPFamily.IPv4)
    {
        View.TakeChanges();
        return View.ServicePorts[new ServicePortKey(Name(service), port, protocol, family)];
    }

    /// <summary>The frontends of a service port: <c>ClusterIP 10.96.0.1:80, …</c>.</summary>
    public string Frontends(string service, string port = "", TransportProtocol protocol = TransportProtocol.Tcp, IPFamily family = IPFamily.IPv4) =>
        string.Join(", ", Port(service, port, protocol, family).Frontends);

    /// <summary>The addresses of a group, or its verdict.</summary>
    public static string Hosts(EndpointGroup group) =>
        group.Verdict == Verdict.Forward ? Hosts(group.Endpoints) : group.Verdict.ToString();

    public static string Hosts(ImmutableArray<Endpoint> endpoints) => string.Join(' ', endpoints.Select(endpoint => endpoint.Weight == 1
        ? endpoint.Address.ToString()
        : string.Create(CultureInfo.InvariantCulture, $"{endpoint.Address}*{endpoint.Weight}")));
}
