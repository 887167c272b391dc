using System.Collections.Immutable;
using ProxyFramework.Core.Objects;
using ProxyFramework.Core.Sources;

namespace ProxyFramework.Core.View;

/// <summary>
/// What this node must do for every service: applies all rules of the Kubernetes API to the objects that sources publish. It is fed
/// with events and asked for what changed; only what an event touched is computed again. Pure: no I/O, no clock, no log.
/// Not thread-safe: one thread feeds it and asks it. The README beside this file tells how a change travels.
/// </summary>
public sealed class NodeView
{
    private readonly NodeViewOptions _options;
    private readonly ServiceStore _store = new();
    private readonly FrontendClaims _claims;
    private readonly ServicePortComputation _computation;
    private readonly ReportedProblems _problems;
    private readonly Dictionary<ServicePortKey, ServicePort> _servicePorts = [];
    private readonly Dictionary<NamespacedName, ServiceHealth> _health = [];

    private readonly CheckedServicePorts _checked = new();

    // The services whose result depends on this machine's addresses.
    private readonly HashSet<ServiceEntry> _withSourceRanges = [];

    // Buffers of one computation.
    private readonly List<ObjectProblem> _found = [];
    private readonly List<ServiceFrontend> _frontends = [];
    private readonly List<ServicePort> _results = [];
    private readonly HashSet<ServicePortKey> _keys = [];
    private readonly List<ServicePortChange> _removed = [];
    private readonly List<ServicePortChange> _changed = [];
    private readonly List<ServiceHealthChange> _healthChanged = [];

    private Node? _node;
    private ImmutableArray<InetAddress> _interfaceAddresses = [];
    private bool _isNodeStale = true;

    /// <summary>A view without objects.</summary>
    /// <param name="options">This node, and what the operator chose.</param>
    /// <param name="report">Told of each field that is refused, when it comes up; null to leave it untold.</param>
    public NodeView(NodeViewOptions options, Action<ObjectProblem>? report = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        _options = options;
        _problems = new ReportedProblems(report);
        _claims = new FrontendClaims(_store.MarkDirty);
        _computation = new ServicePortComputation(options, _claims) { Facts = NodeFacts.Of(options, node: null) };
    }

    /// <summary>The service ports as of the last <see cref="TakeChanges"/>. The same, changing dictionary each time.</summary>
    public IReadOnlyDictionary<ServicePortKey, ServicePort> ServicePorts => _servicePorts;

    /// <summary>What <c>healthCheckNodePort</c>s have to tell as of the last <see cref="TakeChanges"/>. The same, changing dictionary each time.</summary>
    public IReadOnlyDictionary<NamespacedName, ServiceHealth> HealthCheckNodePorts => _health;

    /// <summary>The node as of the last <see cref="TakeChanges"/>.</summary>
    public NodeState Node { get; private set; } = NodeState.Unknown;

    /// <summary>Whether this node takes new connections from load balancers: its object is neither being deleted nor marked for it.</summary>
    public bool IsNodeEligible => _node is not ({ IsBeingDeleted: true } or { IsToBeDeletedByAutoscaler: true });

    /// <summary>Everything that is refused now.</summary>
    internal IEnumerable<ObjectProblem> CurrentProblems => _problems.Current;

    /// <summary>How much is held, for tests that watch for leaks.</summary>
    internal (int Entries, int Slices, int Strings, int Hints, int Claims) Held =>
        (_store.Held.Entries, _store.Held.Slices, _store.Held.Strings, _store.Held.Hints, _claims.Count);

    /// <summary>Takes an event. Costs what the object costs, whatever the number of others.</summary>
    public void Apply(SourceEvent change)
    {
        switch (change)
        {
            case SourceEvent.ServiceUpserted { Service: var service }:
                Upsert(service);
                break;
            case SourceEvent.ServiceDeleted { Name: var name }:
                Remove(name);
                break;
            case SourceEvent.EndpointSliceUpserted { Slice: var slice }:
                Upsert(slice);
                break;
            case SourceEvent.EndpointSliceDeleted { Name: var name }:
                RemoveSlice(name);
                break;
            case SourceEvent.NodeUpserted { Node: var node } when node.Name == _options.NodeName:
                SetNode(node);
                break;
            case SourceEvent.NodeDeleted { Name: var name } when name == _options.NodeName:
                SetNode(null);
                break;
            default:
                // Other nodes, and the end of a source's first list, change nothing here.
                break;
        }
    }

    /// <summary>Takes this machine's own addresses: those of all its interfaces, loopback included, in any order.</summary>
    public void SetInterfaceAddresses(ImmutableArray<InetAddress> addresses)
    {
        ImmutableArray<InetAddress> ordered = [.. addresses.Distinct().Order()];
        if (ordered.AsSpan().SequenceEqual(_interfaceAddresses.AsSpan()))
        {
            return;
        }

        _interfaceAddresses = ordered;
        _computation.InterfaceAddresses = ordered;
        _claims.WatchedAddresses = new HashSet<InetAddress>(ordered);
        _isNodeStale = true;
        foreach (var entry in _withSourceRanges)
        {
            _store.MarkDirty(entry);
        }
    }

    /// <summary>Takes what health checks say of the endpoints of a service port; nothing where none is checked any more.</summary>
    public void SetVerdicts(ServicePortKey key, EndpointVerdicts verdicts)
    {
        if (_checked.TryJudge(key, verdicts) && _store.Find(key.Service) is { } entry)
        {
            _store.MarkDirty(entry);
        }
    }

    /// <summary>Computes what the events since the last call changed.</summary>
    /// <returns>The differences; <see cref="NodeViewChanges.IsEmpty"/> where nothing changed for this node.</returns>
    public NodeViewChanges TakeChanges()
    {
        var dirty = _store.Dirty;

        // The claims of all must stand before the ports of any are computed. Claimants of frontends whose winner changed join the list.
        for (var i = dirty.Count - 1; i >= 0; i--)
        {
            UpdateClaims(dirty[i]);
        }

        var node = TakeNodeChange();
        foreach (var entry in dirty)
        {
            Compute(entry);
        }

        dirty.Clear();
        if (node is null && _removed.Count == 0 && _changed.Count == 0 && _healthChanged.Count == 0 && _checked.Changes.Count == 0)
        {
            return NodeViewChanges.Empty;
        }

        var changes = new NodeViewChanges
        {
            ServicePorts = [.. _removed, .. _changed],
            Node = node,
            HealthCheckNodePorts = [.. _healthChanged],
            HealthChecks = [.. _checked.Changes],
        };
        _removed.Clear();
        _changed.Clear();
        _healthChanged.Clear();
        _checked.Changes.Clear();
        return changes;
    }

    private void Upsert(Service service)
    {
        if (!ServiceValidation.IsProxied(service, _options.ServiceProxyName))
        {
            Remove(service.Name);
            return;
        }

        _found.Clear();
        var entry = _store.Put(ServiceValidation.Validate(service, _found), ServiceAnnotations.Read(service, _found));
        _problems.Set(ReportedProblems.Aspect.Service, entry.Name, _found);
        if (entry.Service!.LoadBalancerSourceRanges.IsEmpty)
        {
            _withSourceRanges.Remove(entry);
        }
        else
        {
            _withSourceRanges.Add(entry);
        }
    }

    private void Remove(NamespacedName service)
    {
        if (_store.RemoveService(service) is { } entry)
        {
            _withSourceRanges.Remove(entry);
            _found.Clear();
            _problems.Set(ReportedProblems.Aspect.Service, service, _found);
        }
    }

    private void Upsert(EndpointSlice slice)
    {
        if (!EndpointSliceValidation.Counts(slice))
        {
            RemoveSlice(slice.Name);
            return;
        }

        _found.Clear();
        _store.Put(EndpointSliceValidation.Validate(slice, _found));
        _problems.Set(ReportedProblems.Aspect.EndpointSlice, slice.Name, _found);
    }

    private void RemoveSlice(NamespacedName slice)
    {
        _store.RemoveSlice(slice);
        _found.Clear();
        _problems.Set(ReportedProblems.Aspect.EndpointSlice, slice, _found);
    }

    private void SetNode(Node? node)
    {
        _node = node;
        _isNodeStale = true;
        var facts = NodeFacts.Of(_options, node);
        if (!facts.IsSameForServices(_computation.Facts))
        {
            _store.MarkAllDirty();
        }

        _computation.Facts = facts;
    }

    private void UpdateClaims(ServiceEntry entry)
    {
        if (ReferenceEquals(entry.Claimant, entry.Service))
        {
            return;
        }

        if (entry.Claimant is { } before)
        {
            _frontends.Clear();
            ServiceFrontend.Collect(before, _frontends);
            foreach (var frontend in _frontends)
            {
                _claims.Remove(frontend.Socket, new FrontendClaim(entry, frontend.PortIndex, frontend.Kind));
            }
        }

        entry.Claimant = entry.Service;
        if (entry.Claimant is { } now)
        {
            _frontends.Clear();
            ServiceFrontend.Collect(now, _frontends);
            foreach (var frontend in _frontends)
            {
                _claims.Add(frontend.Socket, new FrontendClaim(entry, frontend.PortIndex, frontend.Kind));
            }
        }
    }

    private NodeState? TakeNodeChange()
    {
        if (!_isNodeStale && !_claims.WatchedAddressChanged)
        {
            return null;
        }

        _isNodeStale = false;
        _claims.WatchedAddressChanged = false;
        var now = new NodeState
        {
            Name = _options.NodeName,
            NodePortAddresses = _options.NodePortAddresses.Select(_interfaceAddresses, _node, _claims.IsFrontendAddress),
            InterfaceAddresses = _interfaceAddresses,
            LocalPods = _computation.Facts.LocalPods,
        };
        if (now == Node)
        {
            return null;
        }

        Node = now;
        return now;
    }

    private void Compute(ServiceEntry entry)
    {
        entry.IsDirty = false;
        _results.Clear();
        _found.Clear();
        _computation.Compute(entry, _servicePorts, _results, _checked, _found);
        _problems.Set(ReportedProblems.Aspect.Conflicts, entry.Name, _found);
        Publish(entry);
        PublishHealth(entry);
        _checked.Publish(entry);
        entry.TriggerTicks = 0;
        if (entry.IsEmpty)
        {
            _store.Forget(entry);
        }
    }

    private void Publish(ServiceEntry entry)
    {
        var differs = _results.Count != entry.Published.Length;
        for (var i = 0; i < _results.Count; i++)
        {
            var after = _results[i];
            differs = differs || !ReferenceEquals(after, entry.Published[i]);
            _servicePorts.TryGetValue(after.Key, out var before);
            if (!ReferenceEquals(before, after))
            {
                _servicePorts[after.Key] = after;
                _changed.Add(new ServicePortChange(before, after));
            }
        }

        if (!differs)
        {
            return;
        }

        _keys.Clear();
        foreach (var after in _results)
        {
            _keys.Add(after.Key);
        }

        foreach (var before in entry.Published)
        {
            if (!_keys.Contains(before.Key))
            {
                _servicePorts.Remove(before.Key);
                _removed.Add(new ServicePortChange(before, null));
            }
        }

        entry.Published = [.. _results];
    }

    private void PublishHealth(ServiceEntry entry)
    {
        var after = _computation.ComputeHealth(entry);
        _health.TryGetValue(entry.Name, out var before);
        if (before == after)
        {
            return;
        }

        if (after is null)
        {
            _health.Remove(entry.Name);
        }
        else
        {
            _health[entry.Name] = after;
        }

        _healthChanged.Add(new ServiceHealthChange(before, after));
    }
}
