using System.Collections.Immutable;
using System.Diagnostics;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging.Abstractions;
using ProxyFramework.Core.Sources;
using ProxyFramework.Core.View;
using ProxyFramework.Testing;

namespace ProxyFramework.Benchmarks;

/// <summary>A backend in a network namespace of its own, fed from a node view as the sync loop feeds it.</summary>
internal sealed class BackendRig : IAsyncDisposable
{
    private readonly Dictionary<ServicePortKey, ServicePort> _state = [];
    private readonly IBackend _backend;

    private BackendRig(IBackend backend, NetworkNamespace place, NodeView view)
    {
        _backend = backend;
        Namespace = place;
        View = view;
    }

    public NetworkNamespace Namespace { get; }

    public NodeView View { get; }

    /// <summary>Whether the backend runs programs, which are in the namespace of the thread that starts them.</summary>
    public bool RunsPrograms { get; init; }

    /// <summary>Starts a backend in a namespace.</summary>
    public static BackendRig Start(IBackend backend, NetworkNamespace place, NodeView view, params (string Name, string Value)[] settings)
    {
        var rig = new BackendRig(backend, place, view) { RunsPrograms = backend.Name == "iptables" };
        var context = new BackendContext
        {
            LoggerFactory = NullLoggerFactory.Instance,
            TimeProvider = TimeProvider.System,
            Schedulers = NoSchedulers.Instance,
            Settings = new ConfigurationBuilder().AddInMemoryCollection(settings.ToDictionary(setting => setting.Name, setting => (string?)setting.Value)).Build(),
            ReportDrift = static drift => Console.Error.WriteLine($"unexpected drift: {drift.Description}"),
        };
        place.Run(() => rig._backend.StartAsync(context, CancellationToken.None).AsTask().Wait());
        return rig;
    }

    /// <summary>Takes what the view has and hands it over as a full change set.</summary>
    public void ApplyAll()
    {
        View.TakeChanges();
        foreach (var (key, service) in View.ServicePorts)
        {
            _state[key] = service;
        }

        Apply(isFull: true, [.. _state.Values.Select(service => new ServicePortChange(null, service))]);
    }

    /// <summary>Puts events through the view and hands over what comes out.</summary>
    /// <returns>The time from the change set to the kernel's acknowledgement: without the view.</returns>
    public TimeSpan Apply(params ReadOnlySpan<SourceEvent> events)
    {
        foreach (var change in events)
        {
            View.Apply(change);
        }

        var changes = View.TakeChanges();
        foreach (var change in changes.ServicePorts)
        {
            if (change.After is { } after)
            {
                _state[change.Key] = after;
            }
            else
            {
                _state.Remove(change.Key);
            }
        }

        return Apply(isFull: false, changes.ServicePorts);
    }

    public async ValueTask DisposeAsync() => await _backend.DisposeAsync();

    private TimeSpan Apply(bool isFull, ImmutableArray<ServicePortChange> changes)
    {
        var set = new ServiceChangeSet { IsFull = isFull, Changes = changes, State = _state, Node = View.Node, PreviousNode = View.Node };
        return RunsPrograms ? Namespace.Run(() => Apply(set)) : Apply(set);
    }

    private TimeSpan Apply(ServiceChangeSet set)
    {
        var started = Stopwatch.GetTimestamp();
        var result = _backend.ApplyAsync(set, CancellationToken.None).AsTask().GetAwaiter().GetResult();
        var elapsed = Stopwatch.GetElapsedTime(started);
        return result.Failures.IsEmpty ? elapsed : throw new InvalidOperationException(result.Failures[0].ToString());
    }
}
