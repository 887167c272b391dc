using System.Collections.Concurrent;
using System.Collections.Immutable;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging.Abstractions;
using ProxyFramework.Backends.Ipvs;
using ProxyFramework.Testing;
using Xunit;

namespace ProxyFramework.Ipvs.Tests.Kernel;

/// <summary>
/// A node with the backend in it, called as the sync loop calls it; a client beyond it at 192.0.2.2, and pods 10.0.0.1…9 behind it.
/// Each is a network namespace.
/// </summary>
internal sealed class Node : IAsyncDisposable
{
    public const string ClientAddress = "192.0.2.2";

    private readonly ConcurrentQueue<string> _drift = new();
    private Dictionary<ServicePortKey, ServicePort> _state = [];
    private IpvsBackend? _backend;

    public Node()
    {
        Join(Client, "eth0", "client", "192.0.2.1/24", ClientAddress + "/24");
        Join(Pods, "eth1", "pods", "172.18.0.1/24", "172.18.0.2/24");
        Namespace.Exec("ip", "route", "add", "10.0.0.0/24", "via", "172.18.0.2");
        Namespace.Run(() => File.WriteAllText("/proc/sys/net/ipv4/ip_forward", "1"));
        Client.Exec("ip", "route", "add", "default", "via", "192.0.2.1");
        Pods.Exec("ip", "route", "add", "default", "via", "172.18.0.1");
        Pods.Exec("ip", "route", "add", "local", "10.0.0.0/24", "dev", "lo");
    }

    public NetworkNamespace Namespace { get; } = NetworkNamespace.Create();

    public NetworkNamespace Client { get; } = NetworkNamespace.Create();

    public NetworkNamespace Pods { get; } = NetworkNamespace.Create();

    public NodeState State { get; set; } = new() { NodePortAddresses = [InetAddress.Parse("192.0.2.1")], InterfaceAddresses = [InetAddress.Parse("192.0.2.1")] };

    public TimeSpan DrainTimeout { get; set; } = Timeout.InfiniteTimeSpan;

    /// <summary>What the backend reported of others' changes.</summary>
    public IReadOnlyCollection<string> Drift => _drift;

    /// <summary>Starts the backend anew, after ending a former one.</summary>
    public async Task StartAsync(params (string Name, string Value)[] settings)
    {
        await StopAsync();
        var backend = new IpvsBackend();
        var context = Context(settings);
        Namespace.Run(() => backend.StartAsync(context, CancellationToken.None).AsTask().GetAwaiter().GetResult());
        _backend = backend;
    }

    /// <summary>Ends the backend; what it did stays.</summary>
    public async Task StopAsync()
    {
        if (_backend is { } backend)
        {
            _backend = null;
            await backend.DisposeAsync();
        }
    }

    public async Task CleanupAsync(params (string Name, string Value)[] settings)
    {
        await StopAsync();
        Namespace.Run(() => new IpvsBackend().CleanupAsync(Context(settings), CancellationToken.None).AsTask().GetAwaiter().GetResult());
    }

    /// <summary>Hands over a full change set with these service ports and no others.</summary>
    public SyncResult ApplyAll(params IEnumerable<ServicePort> services)
    {
        _state = services.ToDictionary(service => service.Key);
        return Apply(isFull: true, [.. _state.Values.Select(service => new ServicePortChange(null, service))]);
    }

    /// <summary>Hands over what changes.</summary>
    public SyncResult Apply(params IEnumerable<ServicePort> services)
    {
        var changes = ImmutableArray.CreateBuilder<ServicePortChange>();
        foreach (var service in services)
        {
            changes.Add(new ServicePortChange(_state.GetValueOrDefault(service.Key), service));
            _state[service.Key] = service;
        }

        return Apply(isFull: false, changes.ToImmutable());
    }

    public SyncResult Remove(ServicePort service)
    {
        _state.Remove(service.Key);
        return Apply(isFull: false, [new ServicePortChange(service, null)]);
    }

    /// <summary>Once more all that there was last.</summary>
    public SyncResult Resync() => ApplyAll(_state.Values.ToArray());

    /// <summary>The virtual and real servers as <c>ipvsadm</c> saves them, ordered.</summary>
    public string[] Servers() => [.. Namespace.Exec("ipvsadm", "-Sn").Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Order(StringComparer.Ordinal)];

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        Pods.Dispose();
        Client.Dispose();
        Namespace.Dispose();
    }

    private void Join(NetworkNamespace other, string name, string peer, string address, string peerAddress)
    {
        Namespace.Exec("ip", "link", "add", name, "type", "veth", "peer", "name", peer);
        Namespace.Exec("ip", "link", "set", peer, "netns", other.Path);
        Namespace.Exec("ip", "address", "add", address, "dev", name);
        Namespace.Exec("ip", "link", "set", name, "up");
        other.Exec("ip", "address", "add", peerAddress, "dev", peer);
        other.Exec("ip", "link", "set", peer, "up");
    }

    private SyncResult Apply(bool isFull, ImmutableArray<ServicePortChange> changes) => _backend!.ApplyAsync(
        new ServiceChangeSet { IsFull = isFull, Changes = changes, State = _state, Node = State, PreviousNode = State },
        TestContext.Current.CancellationToken).AsTask().GetAwaiter().GetResult();

    private BackendContext Context((string Name, string Value)[] settings) => new()
    {
        LoggerFactory = NullLoggerFactory.Instance,
        TimeProvider = TimeProvider.System,
        Schedulers = new Services.NoPlugins(),
        DrainTimeout = DrainTimeout,
        Settings = new ConfigurationBuilder().AddInMemoryCollection(settings.ToDictionary(setting => setting.Name, setting => (string?)setting.Value)).Build(),
        ReportDrift = drift => _drift.Enqueue(drift.Description),
    };
}
