using System.Globalization;
using System.Net;

namespace ProxyFramework.Behaviour.Testbed;

/// <summary>
/// A Service and its EndpointSlices, built in words: <c>World.Service("web").Port(80, 8080).Endpoints(pod1, pod2)</c>.
/// Dual stack unless told otherwise; addresses come from the world, so no two scenarios share one.
/// Change it and apply it again for an update.
/// </summary>
public sealed class ServiceSpec
{
    private readonly AddressPlan _addresses;
    private readonly Dictionary<(string Kind, Family Family), IPAddress> _assigned = [];

    public ServiceSpec(string name, AddressPlan addresses)
    {
        Name = name;
        _addresses = addresses;
    }

    public string Name { get; }

    public string Type { get; set; } = "ClusterIP";

    public IReadOnlyList<Family> IPFamilies { get; private set; } = Families.Both;

    public IList<PortSpec> Ports { get; } = [];

    public IList<EndpointSpec> EndpointList { get; } = [];

    public IDictionary<string, string> Labels { get; } = new Dictionary<string, string>();

    public IDictionary<string, string> Annotations { get; } = new Dictionary<string, string>();

    public IDictionary<string, string> SliceLabels { get; } = new Dictionary<string, string>();

    public IList<string> SourceRanges { get; } = [];

    public bool HasExternalIP { get; private set; }

    public bool HasLoadBalancerIP { get; private set; }

    public string? LoadBalancerIPMode { get; private set; }

    public string InternalTrafficPolicy { get; set; } = "Cluster";

    public string ExternalTrafficPolicy { get; set; } = "Cluster";

    public int? HealthCheckNodePort { get; private set; }

    public int? AffinityTimeoutSeconds { get; set; }

    /// <summary>How many endpoints a slice takes at most.</summary>
    public int SliceSize { get; set; } = 100;

    /// <summary>Part of the slices' names: change it and they are renamed.</summary>
    public string SliceSuffix { get; set; } = "a";

    /// <summary>Set to <c>None</c> for a headless Service.</summary>
    public bool IsHeadless { get; set; }

    // ── building ─────────────────────────────────────────────────────────────────────────────────────────────────────

    /// <summary>A port; the first one is what the targets below mean where none is named.</summary>
    public ServiceSpec Port(int port = 80, int to = Pod.WebPort, Protocol protocol = Protocol.Tcp, string? name = null)
    {
        Ports.Add(new PortSpec(name ?? string.Create(CultureInfo.InvariantCulture, $"p{Ports.Count}"), protocol, port, to));
        return this;
    }

    /// <summary>Port 80 over TCP and over UDP.</summary>
    public ServiceSpec TcpAndUdp() => Port(80, Pod.WebPort, Protocol.Tcp, "tcp").Port(80, Pod.WebPort, Protocol.Udp, "udp");

    /// <summary>Exactly these endpoints, ready.</summary>
    public ServiceSpec Endpoints(params IEnumerable<Pod> pods)
    {
        EndpointList.Clear();
        foreach (var pod in pods)
        {
            EndpointList.Add(EndpointSpec.Of(pod));
        }

        return this;
    }

    /// <summary>Exactly these endpoints.</summary>
    public ServiceSpec Endpoints(params IEnumerable<EndpointSpec> endpoints)
    {
        EndpointList.Clear();
        foreach (var endpoint in endpoints)
        {
            EndpointList.Add(endpoint);
        }

        return this;
    }

    public ServiceSpec NoEndpoints()
    {
        EndpointList.Clear();
        return this;
    }

    public ServiceSpec Only(Family family)
    {
        IPFamilies = [family];
        return this;
    }

    public ServiceSpec ExternalIP()
    {
        HasExternalIP = true;
        return this;
    }

    public ServiceSpec NodePort()
    {
        Type = Type == "ClusterIP" ? "NodePort" : Type;
        foreach (var port in Ports)
        {
            port.NodePort = port.NodePort == 0 ? _addresses.NextNodePort() : port.NodePort;
        }

        return this;
    }

    public ServiceSpec LoadBalancer(string? ipMode = null)
    {
        Type = "LoadBalancer";
        HasLoadBalancerIP = true;
        LoadBalancerIPMode = ipMode;
        return NodePort();
    }

    /// <summary>Back to a Service that has cluster IPs alone.</summary>
    public ServiceSpec ClusterIPOnly()
    {
        Type = "ClusterIP";
        HasExternalIP = HasLoadBalancerIP = false;
        foreach (var port in Ports)
        {
            port.NodePort = 0;
        }

        return this;
    }

    /// <summary>Every kind of frontend: cluster IP, external IP, load balancer IP, node port.</summary>
    public ServiceSpec AllFrontends() => ExternalIP().LoadBalancer();

    public ServiceSpec Internal(string policy)
    {
        InternalTrafficPolicy = policy;
        return this;
    }

    public ServiceSpec External(string policy)
    {
        ExternalTrafficPolicy = policy;
        return this;
    }

    public ServiceSpec WithHealthCheckNodePort()
    {
        HealthCheckNodePort ??= _addresses.NextNodePort();
        return this;
    }

    public ServiceSpec Affinity(int timeoutSeconds = 10800)
    {
        AffinityTimeoutSeconds = timeoutSeconds;
        return this;
    }

    public ServiceSpec Annotate(string name, string value)
    {
        Annotations["proxyframework.io/" + name] = value;
        return this;
    }

    // ── where it is reached ──────────────────────────────────────────────────────────────────────────────────────────

    public IPAddress ClusterIPAddress(Family family) => Assigned("cluster", family);

    public IPAddress ExternalIPAddress(Family family) => Assigned("external", family);

    public IPAddress LoadBalancerIPAddress(Family family) => Assigned("lb", family);

    public Target ClusterIP(Family family = Family.IPv4, string? port = null) =>
        new(ClusterIPAddress(family), Find(port).Port, Find(port).Protocol);

    public Target ExternalIP(Family family, string? port = null) => new(ExternalIPAddress(family), Find(port).Port, Find(port).Protocol);

    public Target LoadBalancerIP(Family family = Family.IPv4, string? port = null) =>
        new(LoadBalancerIPAddress(family), Find(port).Port, Find(port).Protocol);

    public Target NodePort(IPAddress nodeAddress, string? port = null) => new(nodeAddress, Find(port).NodePort, Find(port).Protocol);

    /// <summary>External IP, load balancer IP and node port: what externalTrafficPolicy is about.</summary>
    public IEnumerable<Target> ExternalFrontends(Family family, string? port = null) =>
    [
        ExternalIP(family, port), LoadBalancerIP(family, port), NodePort(World.NodeAddress(family), port),
    ];

    /// <summary>All frontends of <see cref="AllFrontends()"/>.</summary>
    public IEnumerable<Target> Frontends(Family family, string? port = null) => [ClusterIP(family, port), .. ExternalFrontends(family, port)];

    private IPAddress Assigned(string kind, Family family)
    {
        if (!_assigned.TryGetValue((kind, family), out var address))
        {
            _assigned[(kind, family)] = address = _addresses.Next(kind, family);
        }

        return address;
    }

    private PortSpec Find(string? name) => name is null ? Ports[0] : Ports.Single(port => port.Name == name);
}

/// <summary>A port of a Service and the port of its slices with the same name.</summary>
public sealed record PortSpec(string Name, Protocol Protocol, int Port, int TargetPort)
{
    public int NodePort { get; set; }

    /// <summary>What the slices say where that differs from the Service.</summary>
    public Protocol? SliceProtocol { get; init; }

    /// <summary>Whether the slices' port has a number.</summary>
    public bool HasSliceNumber { get; init; } = true;
}

/// <summary>An endpoint in a slice: addresses, conditions, hints.</summary>
public sealed record EndpointSpec(string Name, string? Node, IPAddress? IPv4, IPAddress? IPv6)
{
    public bool? Ready { get; init; } = true;

    public bool? Serving { get; init; }

    public bool? Terminating { get; init; }

    public IReadOnlyList<string> ZoneHints { get; init; } = [];

    public IReadOnlyList<string> NodeHints { get; init; } = [];

    /// <summary>Another target port than the rest has: such endpoints are in slices of their own.</summary>
    public int? TargetPort { get; init; }

    public static EndpointSpec Of(Pod pod)
    {
        ArgumentNullException.ThrowIfNull(pod);
        return new EndpointSpec(pod.Name, pod.Node, pod.IPv4, pod.IPv6);
    }

    public static EndpointSpec Unready(Pod pod) => Of(pod) with { Ready = false };

    /// <summary>Terminating and still serving, as a pod in its grace period.</summary>
    public static EndpointSpec Terminates(Pod pod, bool serving = true) => Of(pod) with { Ready = false, Serving = serving, Terminating = true };

    public IPAddress? Address(Family family) => family == Family.IPv4 ? IPv4 : IPv6;
}
