using System.Collections.Immutable;

namespace ProxyFramework.Backends.Userspace;

/// <summary>
/// A service port in force: its endpoints, its affinity, the routing that listeners read. Only the backend's apply writes; the
/// routing is swapped whole.
/// </summary>
internal sealed class ProxiedServicePort(ServicePortKey key, UserspaceRun run)
{
    private readonly Dictionary<(InetAddress Address, ushort Port), EndpointTarget> _targets = [];
    private volatile Routing? _routing;
    private volatile AffinityTable? _affinity;

    public ServicePortKey Key { get; } = key;

    /// <summary>For the log, made once: <c>default/web</c>, with the port's name where it has one.</summary>
    public string DisplayName { get; } = key.PortName.Length == 0 ? key.Service.ToString() : $"{key.Service}:{key.PortName}";

    /// <summary>The routing; null until the first update.</summary>
    public Routing? Routing => _routing;

    /// <summary>What was last put in force; null before that. Also set where it is not proxied.</summary>
    public ServicePort? Service { get; set; }

    /// <summary>What listening sockets it should have now, with the frontend that each serves.</summary>
    public ImmutableArray<(ListenKey Key, Frontend Frontend)> Wanted { get; set; } = [];

    /// <summary>Whether something of it is not in force, so that an equal update must be applied again.</summary>
    public bool HasFailed { get; set; }

    /// <summary>Puts a new state in force for new connections.</summary>
    /// <exception cref="Exception">The scheduler failed to make a picker; the former state stays in force.</exception>
    public void Update(ServicePort service, IScheduler scheduler, ServiceOptions options)
    {
        var before = _routing;
        var cluster = MakeBalancer(service.Cluster, scheduler, before?.Cluster);
        var local = ReferenceEquals(service.Local, service.Cluster) ? cluster : MakeBalancer(service.Local, scheduler, before?.Local);
        if (service.AffinityTimeoutSeconds > 0)
        {
            _affinity ??= new AffinityTable(run.Settings.AffinityClients);
        }

        _routing = new Routing
        {
            Service = service,
            Cluster = cluster,
            Local = local,
            Options = options,
            AffinityTicks = service.AffinityTimeoutSeconds * run.Time.TimestampFrequency,
        };
        RetireOthers(cluster, local);
        if (service.AffinityTimeoutSeconds == 0)
        {
            _affinity = null;
        }
    }

    /// <summary>Takes the service port out of force: its connections go on as those of endpoints that are gone.</summary>
    public void Remove()
    {
        _routing = null;
        foreach (var target in _targets.Values.Where(target => target.RetiredAt == 0))
        {
            run.Retire(target);
        }

        _targets.Clear();
    }

    /// <summary>The endpoint for a new connection, with affinity; null where there is none left to try.</summary>
    /// <param name="routing">The routing to be used.</param>
    /// <param name="policy">The group.</param>
    /// <param name="connection">The connection.</param>
    /// <param name="tried">Endpoints that failed for this connection, in order; null for none.</param>
    public EndpointTarget? Pick(Routing routing, TrafficPolicy policy, in ConnectionKey connection, List<EndpointTarget>? tried)
    {
        var balancer = routing.BalancerFor(policy);
        var affinity = _affinity;
        if (routing.AffinityTicks == 0 || affinity is null)
        {
            return balancer.Pick(connection, tried);
        }

        var now = run.Time.GetTimestamp();
        var expiredBefore = now - routing.AffinityTicks;
        var target = tried is null ? affinity.Find(connection.Source, balancer, expiredBefore) : null;
        target ??= balancer.Pick(connection, tried);
        return target is null ? null : affinity.Pin(connection.Source, target, balancer, tried, now, expiredBefore);
    }

    /// <summary>Whether an endpoint may still be sent to in an existing UDP flow.</summary>
    public bool IsServing(EndpointTarget target)
    {
        if (target.RetiredAt == 0)
        {
            return true;
        }

        foreach (var endpoint in _routing?.Service.Draining ?? [])
        {
            if (endpoint.Address == target.Address && endpoint.Port == target.Port)
            {
                return true;
            }
        }

        return false;
    }

    private Balancer MakeBalancer(EndpointGroup group, IScheduler scheduler, Balancer? before)
    {
        if (before is not null && before.Scheduler == scheduler && before.Group.Equals(group))
        {
            return before;
        }

        var targets = ImmutableArray.CreateBuilder<EndpointTarget>(group.Endpoints.Length);
        foreach (var endpoint in group.Endpoints)
        {
            if (!_targets.TryGetValue((endpoint.Address, endpoint.Port), out var target))
            {
                target = new EndpointTarget(endpoint.Address, endpoint.Port);
                _targets.Add((endpoint.Address, endpoint.Port), target);
            }

            target.RetiredAt = 0;
            targets.Add(target);
        }

        return new Balancer(group, scheduler, targets.MoveToImmutable(), before);
    }

    /// <summary>
    /// Endpoints that left stay known while they have connections: one that comes back is the same again, with its counts, and
    /// its connections are no longer drained.
    /// </summary>
    private void RetireOthers(Balancer cluster, Balancer local)
    {
        HashSet<EndpointTarget>? gone = null;
        List<EndpointTarget>? finished = null;
        foreach (var target in _targets.Values)
        {
            if (cluster.Contains(target) || local.Contains(target))
            {
                continue;
            }

            if (target.RetiredAt == 0)
            {
                run.Retire(target);
                (gone ??= []).Add(target);
            }

            if (target.Load.ActiveConnections == 0)
            {
                (finished ??= []).Add(target);
            }
        }

        foreach (var target in finished ?? [])
        {
            _targets.Remove((target.Address, target.Port));
        }

        if (gone is not null)
        {
            _affinity?.Forget(gone);
        }
    }
}
