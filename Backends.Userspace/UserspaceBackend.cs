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
    private const string Unguarded = "what the node itself listens to on all addresses answers at service addresses too, on ports that belong to no service";
    private static readonly TimeSpan SweepPeriod = TimeSpan.FromSeconds(1);

    private readonly Func<ILocalAddresses> _openAddresses;
    private readonly Func<DescriptorLimit> _raiseDescriptors;
    private readonly Lock _originsLock = new();
    private readonly ListenerTable _listeners = new();
    private ILogger? _logger;
    private NetworkInterfaces? _interfaces;
    private UserspaceRun? _run;
    private ProxiedServicePorts? _services;
    private ILocalAddresses? _addresses;
    private AddressClaims? _claims;
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
        else if (!privileges.Bpf)
        {
            limits.Add($"{Unguarded} (that needs CAP_BPF)");
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
        var scheduler = context.Schedulers.Find(schedulerName) ?? throw new BackendException(
            $"{context.Schedulers.WhyNot(schedulerName)}. Put the plugin that brings it into a plugins folder, or choose another with --scheduler");
        _logger = context.LoggerFactory.CreateLogger<UserspaceBackend>();
        try
        {
            _interfaces = NetworkInterfaces.Open();
            _addresses = _openAddresses();
            if (_addresses.Guard() is { } problem && Privileges.Read().NetAdmin)
            {
                Log.Unguarded(_logger, Unguarded, problem);
            }

            _claims = new AddressClaims(_addresses);
            await _claims.AdoptAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (NetlinkException error)
        {
            throw new BackendException($"the interfaces, or the routes that make service addresses local, cannot be read: {error.Message}", error);
        }

        _run = new UserspaceRun(context, settings, _raiseDescriptors(), _addresses, () => _listeners.Count);
        _services = new ProxiedServicePorts(_run, _listeners, context.Schedulers, scheduler);
        _interfaces.Follow(
            () => UpdateOrigins(null, (key, problem) => Log.FilterLeft(_logger, key, problem)), error => Log.InterfacesLost(_logger, error));
        _sweep = context.TimeProvider.CreateTimer(_ => Sweep(), null, SweepPeriod, SweepPeriod);
    }

    /// <inheritdoc/>
    public async ValueTask<SyncResult> ApplyAsync(ServiceChangeSet changes, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(changes);
        var (run, claims, services) = (_run!, _claims!, _services!);
        var report = new ApplyReport();
        var before = run.Origins;
        UpdateOrigins(changes.Node, report.Fail);
        var pending = services.Prepare(changes, before.Node, report);

        // What is new first: addresses, then sockets.
        var isWide = changes.IsFull || !before.Node.InterfaceAddresses.AsSpan().SequenceEqual(changes.Node.InterfaceAddresses.AsSpan());
        var problems = await ClaimAsync(pending, isWide, cancellationToken).ConfigureAwait(false);
        foreach (var update in pending)
        {
            services.PutInForce(update, claims, problems, report);
        }

        // Then what is no longer wanted.
        var released = pending.SelectMany(services.CloseFormer).ToList();
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
        if (_interfaces is not null)
        {
            await _interfaces.DisposeAsync().ConfigureAwait(false);
        }

        if (_run is not null)
        {
            await _run.EndAsync().ConfigureAwait(false);
            _run.Dispose();
        }

        _addresses?.Dispose();
    }

    private async ValueTask<IReadOnlyDictionary<InetAddress, string>> ClaimAsync(
        List<PendingUpdate> pending, bool isWide, CancellationToken cancellationToken)
    {
        var claims = _claims!;
        var claimed = pending.SelectMany(update => update.Claimed).ToList();
        claimed.ForEach(claims.Claim);
        try
        {
            if (isWide)
            {
                // What was taken away by others, or with the interface that had it, is found missing here, and added again.
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
            var podInterfaces = _interfaces!.IndexesOf(node.LocalPods);
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

        [LoggerMessage(EventId = 3, Level = LogLevel.Warning, Message = "{Consequence}: to refuse them there {Problem}")]
        public static partial void Unguarded(ILogger logger, string consequence, string problem);

        [LoggerMessage(EventId = 4, Level = LogLevel.Error, Message = "The network interfaces cannot be followed any more: pods that start from now on are not told by their interface")]
        public static partial void InterfacesLost(ILogger logger, Exception error);
    }
}
