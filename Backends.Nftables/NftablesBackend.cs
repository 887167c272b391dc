using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using ProxyFramework.Backends.Nftables.Kernel;
using ProxyFramework.Backends.Nftables.Layout;
using ProxyFramework.KernelBackends;
using ProxyFramework.Netlink;
using ProxyFramework.Netlink.NfTables;

namespace ProxyFramework.Backends.Nftables;

/// <summary>
/// The nftables mode: rules in a table of its own for each IP family, spoken over netlink. The README beside this file shows the
/// layout, and one packet's way through it.
/// </summary>
public sealed partial class NftablesBackend : IBackend
{
    private const int ModePreference = 400;

    private NftNetlink? _nft;
    private ImmutableArray<FamilyTable> _tables = [];
    private SlotTables? _slots;
    private StaleFlows? _flows;
    private DriftWatch? _watch;
    private NftablesMetrics? _metrics;
    private ILogger? _logger;

    /// <summary>Set where the tables may not be what we believe, from any thread: the next change set adopts them.</summary>
    private volatile bool _isUnknown = true;

    /// <inheritdoc/>
    public string Name => "nftables";

    private long Transactions => _tables.Sum(static table => table.Transactions);

    /// <inheritdoc/>
    public ValueTask<BackendSupport> ProbeAsync(CancellationToken cancellationToken)
    {
        var missing = OperatingSystem.IsLinux() ? KernelProbe.FindMissing() : ["nftables mode needs Linux"];
        return ValueTask.FromResult(missing.IsEmpty
            ? BackendSupport.Supported(ModePreference) with { ServesLoopbackNodePorts = false }
            : BackendSupport.NotSupported(missing));
    }

    /// <inheritdoc/>
    public ValueTask StartAsync(BackendContext context, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(context);
        var settings = NftablesSettings.Read(context.Settings);
        _logger = context.LoggerFactory.CreateLogger<NftablesBackend>();
        _slots = new SlotTables(Name, context.Schedulers, context.DefaultScheduler);
        try
        {
            _nft = NftNetlink.Open();
            _flows = new StaleFlows();
            _watch = new DriftWatch(_nft.PortId, TableSchema.IsOurs, what => Drifted(context, what), error => Log.Deaf(_logger, error));
        }
        catch (NetlinkException error)
        {
            throw new BackendException($"the kernel's nf_tables cannot be reached: {error.Message}", error);
        }

        var chains = new ChainLayout(1u << settings.MasqueradeBit, settings.DropInvalid);
        _tables = [.. Enum.GetValues<IPFamily>().Select(family =>
            new FamilyTable(_nft, new TableSchema(family, (uint)settings.AffinityClients), _slots, chains, _logger))];
        _metrics = new NftablesMetrics(() => Transactions, () => _tables.Sum(table => table.ElementChanges));
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask<SyncResult> ApplyAsync(ServiceChangeSet changes, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(changes);
        var isAdoption = _isUnknown;
        var report = new ChangeReport(change => _flows!.Add(change));
        try
        {
            try
            {
                Put(changes, report, isAdoption, cancellationToken);
            }
            catch (DriftException drift)
            {
                // The notification is on its way; what is wanted is at hand.
                Log.Drift(_logger!, drift.Message);
                isAdoption = true;
                report = new ChangeReport(change => _flows!.Add(change));
                Put(changes, report, isAdoption, cancellationToken);
            }

            _metrics!.DeletedFlows.Add(_flows!.Delete(changes.Node));
        }
        catch
        {
            _isUnknown = true;
            throw;
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
        using var nft = NftNetlink.Open();
        FamilyTable.DeleteAll(nft);
        return ValueTask.CompletedTask;
    }

    /// <summary>Lets go of the sockets. The rules stay in force.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_watch is not null)
        {
            await _watch.DisposeAsync().ConfigureAwait(false);
        }

        foreach (var table in _tables)
        {
            table.Dispose();
        }

        _flows?.Dispose();
        _nft?.Dispose();
        _metrics?.Dispose();
    }

    private void Put(ServiceChangeSet changes, ChangeReport report, bool isAdoption, CancellationToken cancellationToken)
    {
        if (isAdoption)
        {
            _watch!.Adopt(_nft!, () => Transactions, () => AdoptTables(changes, report, cancellationToken));
            return;
        }

        foreach (var table in _tables)
        {
            table.Apply(ChangesOf(table, changes), changes.Node, report, cancellationToken);
            if (changes.IsFull)
            {
                table.DropUnusedClasses();
            }
        }
    }

    private void AdoptTables(ServiceChangeSet changes, ChangeReport report, CancellationToken cancellationToken)
    {
        // What others change from here on makes the tables unknown again.
        _isUnknown = false;
        foreach (var table in _tables)
        {
            _metrics!.Adoptions.Add(1);
            var wanted = changes.State.Values.Where(service => service.Family == table.Family);
            _flows!.AddFormer(table.Adopt(wanted, changes.Node, report, cancellationToken));
        }
    }

    /// <summary>What changes in a table, removals first.</summary>
    private static IEnumerable<ServicePortChange> ChangesOf(FamilyTable table, ServiceChangeSet changes)
    {
        var wanted = changes.Changes.Where(change => change.Key.Family == table.Family);
        return changes.IsFull
            ? table.InForce.Values.Where(service => !changes.State.ContainsKey(service.Key)).ToList()
                .Select(static service => new ServicePortChange(service, null))
                .Concat(wanted.Where(static change => change.After is not null))
            : wanted;
    }

    private void AddNotices(ServicePort service, ChangeReport report)
    {
        if (_slots!.NoticeFor(service) is { } notice)
        {
            report.Notice(service.Key, notice);
        }

        foreach (var option in service.Options.Keys)
        {
            report.Notice(service.Key, $"annotation proxyframework.io/{option}: nftables mode does not have it; it is ignored");
        }
    }

    private void Drifted(BackendContext context, string what)
    {
        _isUnknown = true;
        _metrics?.ForeignChanges.Add(1);
        context.ReportDrift(new DriftReport(what));
    }

    private static partial class Log
    {
        [LoggerMessage(EventId = 1, Level = LogLevel.Warning, Message = "Our tables were changed by others: {What}")]
        public static partial void Drift(ILogger logger, string what);

        [LoggerMessage(EventId = 2, Level = LogLevel.Error, Message = "Changes of our tables by others are not heard any more; they are found when they get in the way")]
        public static partial void Deaf(ILogger logger, Exception error);
    }
}
