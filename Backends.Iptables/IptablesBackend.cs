using System.Collections.Immutable;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using ProxyFramework.Backends.Iptables.Programs;
using ProxyFramework.KernelBackends;
using ProxyFramework.Netlink;

namespace ProxyFramework.Backends.Iptables;

/// <summary>
/// The iptables mode: rules in chains with the names that administrators know, written by iptables-restore. The README beside this
/// file shows the layout, and one packet's way through it.
/// </summary>
public sealed partial class IptablesBackend : IBackend
{
    private const int ModePreference = 200;
    private const string RecentLimit = "/sys/module/xt_recent/parameters/ip_list_tot";

    /// <summary>One call of the programs at a time, for the canary looks from another thread.</summary>
    private readonly Lock _programs = new();

    private ImmutableArray<FamilyRules> _families = [];
    private TableStamp? _stamp;
    private ImmutableArray<string> _otherFlavours = [];
    private SlotTables? _slots;
    private StaleFlows? _flows;
    private Canary? _canary;
    private IptablesMetrics? _metrics;
    private ILogger? _logger;

    /// <summary>Set where our chains may not be what we believe, from any thread: the next change set adopts them.</summary>
    private volatile bool _isUnknown = true;

    /// <inheritdoc/>
    public string Name => "iptables";

    /// <inheritdoc/>
    public ValueTask<BackendSupport> ProbeAsync(CancellationToken cancellationToken)
    {
        ImmutableArray<string> missing = OperatingSystem.IsLinux()
            ? Programs.Iptables.Installed().Count > 0
                ? []
                : ["iptables-nft-restore or iptables-legacy-restore, and the same of ip6tables, are not installed; install the package iptables"]
            : ["iptables mode needs Linux"];
        return ValueTask.FromResult(missing.IsEmpty
            ? BackendSupport.Supported(ModePreference) with { ServesLoopbackNodePorts = false }
            : BackendSupport.NotSupported(missing));
    }

    /// <inheritdoc/>
    public ValueTask StartAsync(BackendContext context, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(context);
        var settings = IptablesSettings.Read(context.Settings);
        _logger = context.LoggerFactory.CreateLogger<IptablesBackend>();
        _slots = new SlotTables(Name, context.Schedulers, context.DefaultScheduler);
        var flavour = settings.Flavour ?? Programs.Iptables.Detect();
        if (!Programs.Iptables.Installed().Contains(flavour))
        {
            throw new BackendException($"iptables:flavour: the programs iptables-{flavour}-restore and ip6tables-{flavour}-restore are not installed");
        }

        Log.Flavour(_logger, flavour, settings.Flavour is null ? "found on this node" : "as set");
        _otherFlavours = [.. Programs.Iptables.Installed().Where(other => other != flavour)];
        try
        {
            _flows = new StaleFlows();
            var stamp = _stamp = new TableStamp(flavour);
            _families = [.. Enum.GetValues<IPFamily>().Select(family => new FamilyRules(
                family, new Programs.Iptables(family, flavour, settings.WaitSeconds), settings, _slots, stamp, context.DefaultScheduler is not null))];
        }
        catch (Exception error) when (error is NetlinkException or SocketException)
        {
            throw new BackendException($"the kernel's netfilter cannot be reached: {error.Message}", error);
        }

        _metrics = new IptablesMetrics(
            () => _families.Sum(static family => family.Restores), () => _families.Sum(static family => family.Lines), () => _families.Sum(static family => family.Refusals));
        _canary = new Canary(context.TimeProvider, TimeSpan.FromSeconds(settings.CanarySeconds), () => Look(context));
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask<SyncResult> ApplyAsync(ServiceChangeSet changes, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(changes);
        var isAdoption = _isUnknown || changes.IsFull;
        var report = new ChangeReport(change => _flows!.Add(change));
        lock (_programs)
        {
            try
            {
                // What the canary finds from here on makes it unknown again.
                _isUnknown = false;
                foreach (var family in _families)
                {
                    Put(family, changes, isAdoption, report, cancellationToken);
                }

                CleanOtherFlavours();
                _metrics!.DeletedFlows.Add(_flows!.Delete(changes.Node));
            }
            catch
            {
                _isUnknown = true;
                throw;
            }
        }

        foreach (var service in isAdoption ? changes.State.Values : changes.Changes.Select(change => change.After).OfType<ServicePort>())
        {
            AddNotices(service, report);
        }

        return ValueTask.FromResult(report.ToSyncResult());
    }

    /// <inheritdoc/>
    public ValueTask CleanupAsync(BackendContext context, CancellationToken cancellationToken)
    {
        // Of both flavours: the one in use may have changed since.
        foreach (var flavour in Programs.Iptables.Installed())
        {
            Clean(flavour, sparesKubeProxy: true);
        }

        return ValueTask.CompletedTask;
    }

    /// <summary>Lets go of everything but the rules, which stay in force.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_canary is not null)
        {
            await _canary.DisposeAsync().ConfigureAwait(false);
        }

        _stamp?.Dispose();
        _flows?.Dispose();
        _metrics?.Dispose();
    }

    private static void Clean(string flavour, bool sparesKubeProxy)
    {
        foreach (var family in Enum.GetValues<IPFamily>())
        {
            FamilyRules.Clean(new Programs.Iptables(family, flavour, new IptablesSettings().WaitSeconds), sparesKubeProxy);
        }
    }

    /// <summary>Once ours are in force, an earlier run's or kube-proxy's rules of the other flavour go: both would be at work.</summary>
    private void CleanOtherFlavours()
    {
        foreach (var flavour in _otherFlavours)
        {
            Clean(flavour, sparesKubeProxy: false);
        }

        _otherFlavours = [];
    }

    private void Put(FamilyRules family, ServiceChangeSet changes, bool isAdoption, ChangeReport report, CancellationToken cancellationToken)
    {
        if (isAdoption)
        {
            var wanted = changes.State.Values.Where(service => service.Family == family.Family);
            _flows!.AddFormer(family.Adopt(wanted, changes.Node, report, cancellationToken));
            return;
        }

        if (!changes.Node.Equals(changes.PreviousNode))
        {
            family.ChangeNode(changes.Node);
        }

        family.Apply(changes.Changes.Where(change => change.Key.Family == family.Family), report, cancellationToken);
    }

    private void AddNotices(ServicePort service, ChangeReport report)
    {
        if (_slots!.NoticeFor(service) is { } notice)
        {
            report.Notice(service.Key, notice);
        }
        else if (_families.Single(family => family.Family == service.Family).NoticeFor(service.Key) is { } replaced)
        {
            report.Notice(service.Key, replaced);
        }

        if (service.AffinityTimeoutSeconds > 0 && ReadRecentLimit() is { } limit and < 10_000)
        {
            report.Notice(service.Key, $"session affinity remembers {limit} clients an endpoint, the limit of the kernel module xt_recent; load it with ip_list_tot=10000 or more");
        }

        foreach (var option in service.Options.Keys)
        {
            report.Notice(service.Key, $"annotation proxyframework.io/{option}: iptables mode does not have it; it is ignored");
        }
    }

    private static int? ReadRecentLimit() => File.Exists(RecentLimit) && int.TryParse(File.ReadAllText(RecentLimit), out var limit) ? limit : null;

    private void Look(BackendContext context)
    {
        lock (_programs)
        {
            if (_isUnknown)
            {
                return;
            }

            try
            {
                if (_families.Select(static family => family.FindDrift()).FirstOrDefault(static drift => drift is not null) is not { } drift)
                {
                    return;
                }

                Log.Drift(_logger!, drift);
                _isUnknown = true;
                _metrics?.ForeignChanges.Add(1);
                context.ReportDrift(new DriftReport(drift));
            }
            catch (Exception error) when (error is BackendException or NetlinkException or SocketException or System.ComponentModel.Win32Exception)
            {
                Log.Blind(_logger!, error);
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(EventId = 1, Level = LogLevel.Information, Message = "iptables flavour {Flavour}, {Why}")]
        public static partial void Flavour(ILogger logger, string flavour, string why);

        [LoggerMessage(EventId = 2, Level = LogLevel.Warning, Message = "Our rules were changed by others: {What}")]
        public static partial void Drift(ILogger logger, string what);

        [LoggerMessage(EventId = 3, Level = LogLevel.Error, Message = "Whether our rules are still there cannot be told")]
        public static partial void Blind(ILogger logger, Exception error);
    }
}
