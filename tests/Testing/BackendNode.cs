using System.Collections.Concurrent;
using System.Collections.Immutable;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging.Abstractions;

namespace ProxyFramework.Testing;

/// <summary>A network namespace with a backend in it, called as the sync loop calls it. Not thread-safe.</summary>
/// <param name="schedulers">The schedulers that there are.</param>
public abstract class BackendNode<TBackend>(ISchedulerCatalog schedulers) : IAsyncDisposable
    where TBackend : class, IBackend, new()
{
    private readonly ConcurrentQueue<string> _drift = new();
    private Dictionary<ServicePortKey, ServicePort> _state = [];
    private TBackend? _backend;

    /// <summary>Where the backend is.</summary>
    public NetworkNamespace Namespace { get; } = NetworkNamespace.Create();

    /// <summary>What change sets say of the node.</summary>
    public NodeState State { get; set; } = NodeState.Unknown;

    /// <summary>What the backend is told of draining.</summary>
    public TimeSpan DrainTimeout { get; set; } = Timeout.InfiniteTimeSpan;

    /// <summary>What the backend reported of others' changes.</summary>
    public IReadOnlyCollection<string> Drift => _drift;

    /// <summary>Starts the backend anew, after ending a former one.</summary>
    public async Task StartAsync(params (string Name, string Value)[] settings)
    {
        await StopAsync();
        var backend = new TBackend();
        Namespace.Run(() => backend.StartAsync(Context(settings), CancellationToken.None).AsTask().GetAwaiter().GetResult());
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

    /// <summary>What <c>svcproxy cleanup</c> does.</summary>
    public void Cleanup(params (string Name, string Value)[] settings) =>
        Namespace.Run(() => new TBackend().CleanupAsync(Context(settings), CancellationToken.None).AsTask().GetAwaiter().GetResult());

    /// <summary>Whether this kernel has what the backend needs.</summary>
    public BackendSupport Probe() => Namespace.Run(() => new TBackend().ProbeAsync(CancellationToken.None).AsTask().GetAwaiter().GetResult());

    /// <summary>Hands over a full change set with these service ports and no others.</summary>
    public SyncResult ApplyAll(params IEnumerable<ServicePort> services)
    {
        _state = services.ToDictionary(service => service.Key);
        return Apply(isFull: true, [.. _state.Values.Select(service => new ServicePortChange(null, service))]);
    }

    /// <summary>Once more all that there was last.</summary>
    public SyncResult Resync() => ApplyAll(_state.Values.ToArray());

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

    /// <summary>Hands over what goes.</summary>
    public SyncResult Remove(params IEnumerable<ServicePortKey> keys)
    {
        var changes = keys.Select(key => new ServicePortChange(_state[key], null)).ToImmutableArray();
        foreach (var change in changes)
        {
            _state.Remove(change.Key);
        }

        return Apply(isFull: false, changes);
    }

    /// <summary>Ends the backend, and the namespace with all that is in it.</summary>
    public virtual async ValueTask DisposeAsync()
    {
        await StopAsync();
        Namespace.Dispose();
        GC.SuppressFinalize(this);
    }

    private SyncResult Apply(bool isFull, ImmutableArray<ServicePortChange> changes)
    {
        var set = new ServiceChangeSet { IsFull = isFull, Changes = changes, State = _state, Node = State, PreviousNode = State };
        return Namespace.Run(() => _backend!.ApplyAsync(set, CancellationToken.None).AsTask().GetAwaiter().GetResult());
    }

    private BackendContext Context((string Name, string Value)[] settings) => new()
    {
        LoggerFactory = NullLoggerFactory.Instance,
        TimeProvider = TimeProvider.System,
        Schedulers = schedulers,
        DrainTimeout = DrainTimeout,
        Settings = new ConfigurationBuilder().AddInMemoryCollection(settings.ToDictionary(setting => setting.Name, setting => (string?)setting.Value)).Build(),
        ReportDrift = drift => _drift.Enqueue(drift.Description),
    };
}
