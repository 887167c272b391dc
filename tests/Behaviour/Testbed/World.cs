using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using ProxyFramework.Behaviour.Suite;
using Xunit;

namespace ProxyFramework.Behaviour.Testbed;

/// <summary>
/// A cluster in network namespaces: a client outside, the node with the proxy under test, three pods on it, two pods behind a
/// second node. Scenarios apply Services to it and look at what clients and servers see.
/// </summary>
public class World : IAsyncLifetime
{
    public const string NodeName = "node-1";
    public const string OtherNodeName = "node-2";
    public const string Zone = "zone-a";
    public const string OtherZone = "zone-b";

    private readonly string _folder = Directory.CreateTempSubdirectory("svb-").FullName;
    private readonly AddressPlan _addresses = new();
    private readonly SortedDictionary<string, ServiceSpec> _services = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _applying = new(1);
    private Network _network = null!;
    private ServiceSpec _barrier = null!;
    private ServiceSpec _secondBarrier = null!;
    private int _barrierNumber;
    private int _names;
    private Proxy? _proxy;

    public World(WorldOptions options)
    {
        Options = options;
    }

    public WorldOptions Options { get; }

    /// <summary>Outside the cluster; its traffic comes in through the node.</summary>
    public Place Client => Clients[0];

    /// <summary>The same machine as <see cref="Client"/>, with other source addresses.</summary>
    public IReadOnlyList<Place> Clients { get; private set; } = [];

    /// <summary>The node itself.</summary>
    public Place Node { get; private set; } = null!;

    /// <summary>The pods on the node.</summary>
    public IReadOnlyList<Pod> Pods { get; private set; } = [];

    /// <summary>The pods on the other node.</summary>
    public IReadOnlyList<Pod> RemotePods { get; private set; } = [];

    public Pod Pod1 => Pods[0];

    public Pod Pod2 => Pods[1];

    public Pod Pod3 => Pods[2];

    public Pod Remote1 => RemotePods[0];

    public Pod Remote2 => RemotePods[1];

    public NetworkNamespace CrowdNamespace => _network.Node2;

    public Proxy Proxy => _proxy ?? throw new InvalidOperationException("this world has no proxy");

    /// <summary>Where the manifests are; files beside the world's own may be put there.</summary>
    public string ManifestFolder => _folder;

    /// <summary>All addresses of the node: what a masqueraded connection may come from.</summary>
    public IReadOnlyList<IPAddress> NodeAddresses { get; private set; } = [];

    /// <summary>The node's InternalIP.</summary>
    public static IPAddress NodeAddress(Family family) =>
        IPAddress.Parse(family == Family.IPv4 ? Network.NodeSide + ".1" : Network.NodeSide6 + "1");

    /// <summary>The node's address on the client's side.</summary>
    public static IPAddress NodeAddressTowardsClient(Family family) =>
        IPAddress.Parse(family == Family.IPv4 ? Network.ClientSide + ".1" : Network.ClientSide6 + "1");

    /// <summary>A new Service with a name of its own.</summary>
    public ServiceSpec Service(string name) =>
        new(string.Create(CultureInfo.InvariantCulture, $"{name}-{Interlocked.Increment(ref _names)}"), _addresses);

    public async ValueTask InitializeAsync()
    {
        _network = await Network.CreateAsync(Options.Pods);
        Clients = [.. Enumerable.Range(0, Network.ClientCount).Select(i =>
        {
            var (ipv4, ipv6) = Network.Pair(Network.ClientSide, Network.ClientSide6, 2 + i);
            return new Place(string.Create(CultureInfo.InvariantCulture, $"client-{i + 1}"), _network.Client, ipv4, ipv6);
        })];
        Node = new Place("node", _network.Node, NodeAddress(Family.IPv4), NodeAddress(Family.IPv6), bind: false);
        Pods = [.. _network.PodNamespaces.Select((ns, i) => MakePod("pod", i, NodeName, ns, Network.Pods, Network.Pods6))];
        RemotePods = [.. Enumerable.Range(0, Network.RemotePodCount)
            .Select(i => MakePod("remote", i, OtherNodeName, _network.Node2, Network.RemotePods, Network.RemotePods6))];
        NodeAddresses =
        [
            .. Families.Both.SelectMany(family => new[] { NodeAddress(family), NodeAddressTowardsClient(family) }),
            Network.Pair(Network.Pods, Network.Pods6, 1).IPv4, Network.Pair(Network.Pods, Network.Pods6, 1).IPv6,
        ];
        _barrier = Service("barrier");
        _secondBarrier = Service("barrier");
        await PrepareAsync();
        WriteManifests();
        if (Options.StartsProxy)
        {
            StartProxy();
            await SettleAsync();
        }
    }

    /// <summary>What must be there before the proxy starts.</summary>
    protected virtual Task PrepareAsync() => Task.CompletedTask;

    /// <summary>Starts the proxy; it need not be ready when this returns. See <see cref="SettleAsync"/>.</summary>
    /// <param name="mode">Another than the mode under test.</param>
    public void StartProxy(string? mode = null) => _proxy = Proxy.Start(_network.Node, [_folder], Options.Flags, mode);

    /// <summary>Puts Services in force, new ones and changed ones, and returns when they are.</summary>
    public async Task ApplyAsync(params IEnumerable<ServiceSpec> services)
    {
        Edit(() =>
        {
            foreach (var service in services)
            {
                _services[service.Name] = service;
            }
        });
        await SettleAsync();
    }

    /// <summary>Takes Services away, and returns when they are gone.</summary>
    public async Task RemoveAsync(params IEnumerable<ServiceSpec> services)
    {
        Forget(services);
        await SettleAsync();
    }

    /// <summary>Takes Services out of the manifests without waiting.</summary>
    public void Forget(params IEnumerable<ServiceSpec> services) => Edit(() =>
    {
        foreach (var service in services)
        {
            _services.Remove(service.Name);
        }
    });

    /// <summary>Changes Services in the manifests without waiting, while the proxy is down, say.</summary>
    public void Write(params IEnumerable<ServiceSpec> services) => Edit(() =>
    {
        foreach (var service in services)
        {
            _services[service.Name] = service;
        }
    });

    /// <summary>Writes another file beside the world's own, atomically.</summary>
    public void WriteFile(string name, string content)
    {
        var temporary = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        File.WriteAllText(temporary, content);
        File.Move(temporary, Path.Combine(_folder, name), overwrite: true);
    }

    /// <summary>
    /// Returns when everything written so far is in force. A port of the barrier Service, written with everything else, answers:
    /// so the file has been read. Then one of a second Service in a file of its own: a later change set, so the earlier is complete.
    /// </summary>
    public async Task SettleAsync()
    {
        if (!Options.StartsProxy)
        {
            return;
        }

        await _applying.WaitAsync();
        try
        {
            var port = 1000 + (++_barrierNumber % 60000);
            await PassAsync(_barrier, port, WriteManifests);
            await PassAsync(_secondBarrier, port, () => WriteFile("barrier.json", Manifests.List(Manifests.Of(_secondBarrier))));
        }
        finally
        {
            _applying.Release();
        }
    }

    /// <summary>Runs <c>GET path</c> against an address of the node from the node.</summary>
    public Task<(string Head, string Body)> NodeGetAsync(int port, string path) =>
        Node.HttpGetAsync(new Target(IPAddress.Loopback, port), path);

    public async ValueTask DisposeAsync()
    {
        if (_proxy is not null)
        {
            await _proxy.DisposeAsync();
        }

        foreach (var pod in Pods.Concat(RemotePods))
        {
            await pod.DisposeAsync();
        }

        if (_network is not null)
        {
            await _network.DisposeAsync();
        }

        Directory.Delete(_folder, recursive: true);
        _applying.Dispose();
        GC.SuppressFinalize(this);
    }

    private static Pod MakePod(string name, int index, string node, NetworkNamespace ns, string prefix, string prefix6)
    {
        var (ipv4, ipv6) = Network.Pair(prefix, prefix6, 11 + index);
        return new Pod(string.Create(CultureInfo.InvariantCulture, $"{name}-{index + 1}"), node, ns, ipv4, ipv6);
    }

    private void Edit(Action change)
    {
        lock (_services)
        {
            change();
        }

        WriteManifests();
    }

    private void WriteManifests()
    {
        lock (_services)
        {
            IEnumerable<JsonObject> nodes = Options.HasNodeObject
                ?
                [
                    Manifests.Node(NodeName, Zone, Families.Both.Select(family => NodeAddress(family).ToString()), [Network.Pods + ".0/24", Network.Pods6 + "/64"]),
                    Manifests.Node(OtherNodeName, OtherZone, [Network.NodeSide + ".2", Network.NodeSide6 + "2"], [Network.RemotePods + ".0/24", Network.RemotePods6 + "/64"]),
                ]
                : [];
            WriteFile("world.json", Manifests.List([.. nodes, .. Manifests.Of(_barrier), .. _services.Values.SelectMany(Manifests.Of)]));
        }
    }

    private async Task PassAsync(ServiceSpec barrier, int port, Action write)
    {
        lock (_services)
        {
            barrier.Only(Family.IPv4).Endpoints(Pod1).Ports.Clear();
            barrier.Port(port);
        }

        write();
        var target = barrier.ClusterIP();
        var passed = await Eventually.TrueAsync(
            async () => (await Node.AskAsync(target, Pace.Seconds(0.2))).Kind == OutcomeKind.Answered,
            givenUp: () => Proxy.HasExited);
        Assert.True(passed, $"mode {TestedBackend.Mode} did not put a change in force{(Proxy.HasExited ? " (it has ended)" : "")}; its log:\n{Proxy.Tail()}");
    }
}
