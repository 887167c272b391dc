using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using ProxyFramework.Netlink;

namespace ProxyFramework.Backends.Userspace;

/// <summary>
/// The userspace mode: a TCP and UDP proxy over ordinary sockets, one listening socket for each frontend address, port and protocol.
/// Works without privileges where frontends are in 127.0.0.0/8. The README beside this file says what it cannot do.
/// </summary>
public sealed partial class UserspaceBackend : IBackend
{
    private const int ModePreference = 100;
    private const string DefaultSchedulerName = "rr";
    private static readonly TimeSpan SweepPeriod = TimeSpan.FromSeconds(1);

    private readonly Func<ILocalAddresses> _openAddresses;
    private readonly Func<DescriptorLimit> _raiseDescriptors;
    private readonly Lock _originsLock = new();
    private readonly ListenerTable _listeners = new();
    private readonly Dictionary<ServicePortKey, ProxiedServicePort> _services = [];
    private readonly HashSet<ServicePortKey> _withNodePorts = [];
    private BackendContext? _context;
    private ILogger? _logger;
    private UserspaceRun? _run;
    private ILocalAddresses? _addresses;
    private AddressClaims? _claims;
    private IScheduler? _defaultScheduler;
    private ITimer? _sweep;

    /// <summary>The backend as the host makes it.</summary>
    public UserspaceBackend()
        : this(() => new LocalRoutes(), DescriptorLimit.Raise)
    {
    }

    internal UserspaceBackend(Func<ILocalAddresses> openAddresses, Func<DescriptorLimit> raiseDescriptors)
    {
        _openAddresses = openAddresses;
        _raiseDescriptors = raiseDescriptors;
    }

    /// <inheritdoc/>
    public string Name => "userspace";

    /// <summary>For tests: the number of listening sockets.</summary>
    internal int ListenerCount => _listeners.Count;

    /// <summary>For tests: what is counted.</summary>
    internal UserspaceMetrics Metrics => _run!.Metrics;

    /// <inheritdoc/>
    public ValueTask<BackendSupport> ProbeAsync(CancellationToken cancellationToken)
    {
        if (!OperatingSystem.IsLinux())
        {
            return ValueTask.FromResult(BackendSupport.NotSupported("userspace mode needs Linux"));
        }

        var privileges = Privileges.Read();
        var limits = ImmutableArray.CreateBuilder<string>();
        if (!privileges.NetAdmin)
        {
            limits.Add("without CAP_NET_ADMIN only addresses that this machine has, and 127.0.0.0/8, can be served");
        }

        var firstPort = Privileges.UnprivilegedPortStart();
        if (!privileges.NetBindService && firstPort > 1)
        {
            limits.Add($"without CAP_NET_BIND_SERVICE ports below {firstPort} cannot be served");
        }

        limits.Add("SCTP is not proxied, and endpoints see this node's address as the source");
        return ValueTask.FromResult(BackendSupport.Supported(ModePreference) with { Limits = limits.ToImmutable() });
    }

    /// <inheritdoc/>
    public async ValueTask StartAsync(BackendContext context, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(context);
        var settings = UserspaceSettings.Read(context.Settings);
        var schedulerName = context.DefaultScheduler ?? DefaultSchedulerName;
        _defaultScheduler = context.Schedulers.Find(schedulerName) ?? throw new BackendException(
            $"there is no scheduler '{schedulerName}'; loaded are: {string.Join(", ", context.Schedulers.Names.DefaultIfEmpty("none"))}. "
            + "Put the plugin that brings it into a plugins folder, or choose another with --scheduler");
        _context = context;
        _logger = context.LoggerFactory.CreateLogger<UserspaceBackend>();
        try
        {
            _addresses = _openAddresses();
            _claims = new AddressClaims(_addresses);
            await _claims.AdoptAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (NetlinkException error)
        {
            throw new BackendException($"the routes that make service addresses local cannot be read: {error.Message}", error);
        }

        _run = new UserspaceRun(context, settings, _raiseDescriptors(), () => _listeners.Count);
        _sweep = context.TimeProvider.CreateTimer(_ => Sweep(), null, SweepPeriod, SweepPeriod);
    }

    /// <inheritdoc/>
    public async ValueTask<SyncResult> ApplyAsync(ServiceChangeSet changes, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(changes);
        var (run, claims) = (_run!, _claims!);
        var report = new ApplyReport();
        var before = run.Origins;
        UpdateOrigins(changes.Node, report.Fail);
        var pending = CollectWork(changes, before.Node).Select(work => Prepare(work.Key, work.Value, report)).OfType<PendingUpdate>().ToList();

        // What is new first: addresses, then sockets.
        var isWide = changes.IsFull || !before.Node.InterfaceAddresses.AsSpan().SequenceEqual(changes.Node.InterfaceAddresses.AsSpan());
        var problems = await ClaimAsync(pending, changes.IsFull, isWide, cancellationToken).ConfigureAwait(false);
        foreach (var update in pending)
        {
            PutInForce(update, problems, report);
        }

        // Then what is no longer wanted.
        var released = pending.SelectMany(CloseFormer).ToList();
        foreach (var address in released)
        {
            claims.Release(address);
        }

        foreach (var problem in (await claims.PruneAsync(isWide ? null : released, run.Origins, cancellationToken).ConfigureAwait(false)).Values)
        {
            Log.AddressLeft(_logger!, problem);
        }

        return report.ToResult();
    }

    /// <inheritdoc/>
    public async ValueTask CleanupAsync(BackendContext context, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(context);
        try
        {
            using var addresses = _openAddresses();
            var left = await addresses.ReadAsync(cancellationToken).ConfigureAwait(false);
            var problems = await addresses.RemoveAsync(left, cancellationToken).ConfigureAwait(false);
            if (problems.Count > 0)
            {
                throw new BackendException($"{problems.Count} addresses are still local to this machine: {problems.Values.First()}");
            }
        }
        catch (NetlinkException error)
        {
            throw new BackendException($"the routes that make service addresses local cannot be removed: {error.Message}", error);
        }
    }

    /// <summary>
    /// Stops listening and ends the connections, after the time that <c>userspace:shutdown-drain</c> gives them. Addresses stay
    /// local: without a listener the kernel refuses connections there, and the next run finds them.
    /// </summary>
    public async ValueTask DisposeAsync()
    {
        if (_sweep is not null)
        {
            await _sweep.DisposeAsync().ConfigureAwait(false);
        }

        _listeners.CloseAll();
        if (_run is not null)
        {
            await _run.EndAsync().ConfigureAwait(false);
            _run.Dispose();
        }

        _addresses?.Dispose();
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
    private PendingUpdate? Prepare(ServicePortKey key, ServicePort? service, ApplyReport report)
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
            return isKnown ? null : new PendingUpdate(proxied ?? new ProxiedServicePort(key, _run!), service, null, default, []);
        }

        var wanted = Expand(service, _run!.Origins.Node);
        if (isKnown && !proxied!.HasFailed && proxied.Wanted.AsSpan().SequenceEqual(wanted.AsSpan()))
        {
            return null;
        }

        var scheduler = _defaultScheduler!;
        if (service.Scheduler is { } name && name != scheduler.Name)
        {
            if (_context!.Schedulers.Find(name) is { } chosen)
            {
                scheduler = chosen;
            }
            else
            {
                notice($"annotation proxyframework.io/scheduler: there is no scheduler '{name}'; '{scheduler.Name}' is used instead. "
                    + $"Loaded are: {string.Join(", ", _context.Schedulers.Names)}");
            }
        }

        var options = ServiceOptions.Read(service, _run.Settings.ConnectRetries, notice);
        return new PendingUpdate(proxied ?? new ProxiedServicePort(key, _run), service, scheduler, options, wanted);
    }

    private async ValueTask<IReadOnlyDictionary<InetAddress, string>> ClaimAsync(
        List<PendingUpdate> pending, bool isFull, bool isWide, CancellationToken cancellationToken)
    {
        var claims = _claims!;
        var claimed = pending.SelectMany(update => update.Claimed).ToList();
        claimed.ForEach(claims.Claim);
        try
        {
            if (isFull)
            {
                // What was taken away by others is found missing here, and added again.
                await claims.AdoptAsync(cancellationToken).ConfigureAwait(false);
            }

            return await claims.EnsureAsync(isWide ? null : claimed, _run!.Origins, cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            claimed.ForEach(claims.Release);
            throw;
        }
    }

    private void PutInForce(PendingUpdate update, IReadOnlyDictionary<InetAddress, string> addressProblems, ApplyReport report)
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
            var problem = _listeners.Ensure(
                _run!, proxied, key, frontend, _claims!.IsPresent(key.Address), addressProblems.GetValueOrDefault(key.Address));
            if (problem is not null)
            {
                report.Fail(proxied.Key, problem);
            }
        }

        proxied.HasFailed = report.HasFailed(proxied.Key);
    }

    /// <summary>Closes the sockets that a service port no longer wants.</summary>
    /// <returns>The addresses that it needs no longer to be local, once for each frontend.</returns>
    private IEnumerable<InetAddress> CloseFormer(PendingUpdate update)
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
            _listeners.Close(key, proxied);
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

    /// <summary>Learns how origins are told apart now.</summary>
    /// <param name="changed">The node; null where only its interfaces may have changed.</param>
    /// <param name="failed">Takes what cannot be done.</param>
    private void UpdateOrigins(NodeState? changed, Action<ServicePortKey, string> failed)
    {
        var run = _run!;
        lock (_originsLock)
        {
            var before = run.Origins;
            var node = changed ?? before.Node;
            var podInterfaces = node.LocalPods.Mode is LocalPodDetectionMode.BridgeInterface or LocalPodDetectionMode.InterfaceNamePrefix
                ? NetworkInterfaces.IndexesOf(node.LocalPods)
                : [];
            var sameFilters = before.Node.LocalPods == node.LocalPods && before.PodInterfaces.AsSpan().SequenceEqual(podInterfaces.AsSpan());
            if (sameFilters && before.Node.Equals(node))
            {
                return;
            }

            run.Origins = new NodeOrigins(node, podInterfaces);
            if (!sameFilters)
            {
                _listeners.Replan(run, failed);
            }
        }
    }

    private void Sweep()
    {
        var run = _run!;
        try
        {
            run.EndDrained();
            _listeners.EndIdleFlows();
            if (run.Origins.GoesByInterface)
            {
                // Interfaces of pods come and go without a change of the node.
                UpdateOrigins(null, (key, problem) => Log.FilterLeft(_logger!, key, problem));
            }
        }
        catch (Exception error)
        {
            run.ReportFailure("sweep", error);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(EventId = 1, Level = LogLevel.Warning, Message = "An address that no service uses any more stays local: {Problem}")]
        public static partial void AddressLeft(ILogger logger, string problem);

        [LoggerMessage(EventId = 2, Level = LogLevel.Warning, Message = "{Service}: the socket filter could not follow a change of the pods' interfaces: {Problem}")]
        public static partial void FilterLeft(ILogger logger, ServicePortKey service, string problem);
    }
}
