using System.Collections.Immutable;

namespace ProxyFramework.Backends.Userspace;

/// <summary>The service ports in force, and the steps in which a change set alters them.</summary>
internal sealed class ProxiedServicePorts(
    UserspaceRun run, ListenerTable listeners, ISchedulerCatalog schedulers, IScheduler defaultScheduler)
{
    private readonly Dictionary<ServicePortKey, ProxiedServicePort> _services = [];
    private readonly HashSet<ServicePortKey> _withNodePorts = [];

    /// <summary>Works out what a change set needs, and changes nothing yet.</summary>
    /// <param name="changes">The change set.</param>
    /// <param name="before">The node before it.</param>
    /// <param name="report">Takes what will be otherwise than asked.</param>
    public List<PendingUpdate> Prepare(ServiceChangeSet changes, NodeState before, ApplyReport report) =>
        [.. CollectWork(changes, before).Select(work => PrepareOne(work.Key, work.Value, report)).OfType<PendingUpdate>()];

    /// <summary>Puts what is new in force: the routing, then the sockets.</summary>
    /// <param name="update">The change.</param>
    /// <param name="claims">Which addresses were made local.</param>
    /// <param name="addressProblems">Why some could not be.</param>
    /// <param name="report">Takes what goes wrong.</param>
    public void PutInForce(
        PendingUpdate update, AddressClaims claims, IReadOnlyDictionary<InetAddress, string> addressProblems, ApplyReport report)
    {
        var (proxied, service) = (update.Proxied, update.Service);
        if (service is null)
        {
            return;
        }

        if (update.Scheduler is { } scheduler)
        {
            try
            {
                proxied.Update(service, scheduler, update.Options);
            }
            catch (Exception error)
            {
                update.IsRefused = true;
                proxied.HasFailed = true;
                report.Fail(proxied.Key, $"the scheduler '{scheduler.Name}' failed: {error.GetType().Name}: {error.Message}");
                return;
            }
        }

        proxied.Service = service;
        _services[proxied.Key] = proxied;
        if (service.Frontends.Any(frontend => frontend.Kind == FrontendKind.NodePort))
        {
            _withNodePorts.Add(proxied.Key);
        }
        else
        {
            _withNodePorts.Remove(proxied.Key);
        }

        foreach (var (key, frontend) in update.Wanted)
        {
            var problem = listeners.Ensure(
                run, proxied, key, frontend, claims.IsPresent(key.Address), addressProblems.GetValueOrDefault(key.Address));
            if (problem is not null)
            {
                report.Fail(proxied.Key, problem);
            }
        }

        proxied.HasFailed = report.HasFailed(proxied.Key);
    }

    /// <summary>Closes the sockets that a service port no longer wants.</summary>
    /// <returns>The addresses that it needs no longer to be local, once for each frontend.</returns>
    public IEnumerable<InetAddress> CloseFormer(PendingUpdate update)
    {
        var proxied = update.Proxied;
        if (update.IsRefused)
        {
            return update.Claimed;
        }

        var former = proxied.Wanted;
        var kept = update.Wanted.Select(listener => listener.Key).ToHashSet();
        foreach (var (key, _) in former.Where(listener => !kept.Contains(listener.Key)))
        {
            listeners.Close(key, proxied);
        }

        proxied.Wanted = update.Wanted;
        if (update.Service is null)
        {
            proxied.Remove();
            _services.Remove(proxied.Key);
            _withNodePorts.Remove(proxied.Key);
        }

        return PendingUpdate.ClaimedBy(former);
    }

    private static ImmutableArray<(ListenKey Key, Frontend Frontend)> Expand(ServicePort service, NodeState node)
    {
        var wanted = ImmutableArray.CreateBuilder<(ListenKey, Frontend)>(service.Frontends.Length);
        foreach (var frontend in service.Frontends)
        {
            if (frontend.Kind != FrontendKind.NodePort)
            {
                wanted.Add((new ListenKey(frontend.Address, frontend.Port, service.Protocol), frontend));
                continue;
            }

            foreach (var address in node.NodePortAddresses.Where(address => address.Family == service.Family))
            {
                wanted.Add((new ListenKey(address, frontend.Port, service.Protocol), frontend));
            }
        }

        return wanted.DrainToImmutable();
    }

    /// <summary>The service ports that must be looked at, with what they are to be.</summary>
    private Dictionary<ServicePortKey, ServicePort?> CollectWork(ServiceChangeSet changes, NodeState before)
    {
        var work = changes.Changes.ToDictionary(change => change.Key, change => change.After);
        if (changes.IsFull)
        {
            foreach (var key in _services.Keys.Where(key => !changes.State.ContainsKey(key)))
            {
                work[key] = null;
            }
        }

        if (!before.NodePortAddresses.AsSpan().SequenceEqual(changes.Node.NodePortAddresses.AsSpan()))
        {
            foreach (var key in _withNodePorts)
            {
                work.TryAdd(key, changes.State.GetValueOrDefault(key));
            }
        }

        return work;
    }

    /// <summary>Works out what a change needs; null where there is nothing to do.</summary>
    private PendingUpdate? PrepareOne(ServicePortKey key, ServicePort? service, ApplyReport report)
    {
        var proxied = _services.GetValueOrDefault(key);
        if (service is null)
        {
            return proxied is null ? null : new PendingUpdate(proxied, null, null, default, []);
        }

        var isKnown = service.Equals(proxied?.Service);
        Action<string> notice = isKnown ? static _ => { } : message => report.Notice(key, message);
        if (service.Protocol == TransportProtocol.Sctp)
        {
            notice("userspace mode does not proxy SCTP; nothing is programmed for it");
            return isKnown ? null : new PendingUpdate(proxied ?? new ProxiedServicePort(key, run), service, null, default, []);
        }

        var wanted = Expand(service, run.Origins.Node);
        if (isKnown && !proxied!.HasFailed && proxied.Wanted.AsSpan().SequenceEqual(wanted.AsSpan()))
        {
            return null;
        }

        var scheduler = defaultScheduler;
        if (service.Scheduler is { } name)
        {
            if (schedulers.Find(name) is { } chosen)
            {
                scheduler = chosen;
            }
            else
            {
                notice($"annotation proxyframework.io/scheduler: {schedulers.WhyNot(name)}; '{scheduler.Name}' is used instead");
            }
        }

        var options = ServiceOptions.Read(service, run.Settings.ConnectRetries, notice);
        return new PendingUpdate(proxied ?? new ProxiedServicePort(key, run), service, scheduler, options, wanted);
    }
}
