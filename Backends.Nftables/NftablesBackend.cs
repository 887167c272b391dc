using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using ProxyFramework.Backends.Nftables.Kernel;
using ProxyFramework.Backends.Nftables.Layout;
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
        _slots = new SlotTables(context.Schedulers, context.DefaultScheduler);
        try
        {
            _nft = NftNetlink.Open();
            _flows = new StaleFlows();
            _watch = new DriftWatch(_nft.PortId, what => Drifted(context, what), error => Log.Deaf(_logger, error));
        }
        catch (NetlinkException error)
        {
            throw new BackendException($"the kernel's nf_tables cannot be reached: {error.Message}", error);
        }

        var chains = new ChainLayout(1u << settings.MasqueradeBit, settings.DropInvalid);
        _tables = [.. Enum.GetValues<IPFamily>().Select(family =>
            new FamilyTable(_nft, new TableSchema(family, settings.AffinityClients), _slots, chains, _logger))];
        _metrics = new NftablesMetrics(() => _tables.Sum(table => table.Transactions), () => _tables.Sum(table => table.ElementChanges));
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask<SyncResult> ApplyAsync(ServiceChangeSet changes, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(changes);
        var result = new Outcome();
        var isAdoption = _isUnknown;
        try
        {
            if (isAdoption)
            {
                Adopt(changes, result, cancellationToken);
            }
            else
            {
                Change(changes, result, cancellationToken);
            }

            _metrics!.DeletedFlows.Add(_flows!.Delete(changes.Node));
        }
        catch (DriftException drift)
        {
            // The notification is on its way; what is wanted is at hand.
            Log.Drift(_logger!, drift.Message);
            result = new Outcome();
            isAdoption = true;
            Adopt(changes, result, cancellationToken);
            _metrics!.DeletedFlows.Add(_flows!.Delete(changes.Node));
        }
        catch
        {
            _isUnknown = true;
            throw;
        }

        foreach (var service in isAdoption ? changes.State.Values : changes.Changes.Select(change => change.After).OfType<ServicePort>())
        {
            AddNotices(service, result);
        }

        return ValueTask.FromResult(result.ToSyncResult());
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

    private void Change(ServiceChangeSet changes, Outcome result, CancellationToken cancellationToken)
    {
        foreach (var table in _tables)
        {
            var wanted = changes.Changes.Where(change => change.Key.Family == table.Family);
            if (changes.IsFull)
            {
                var gone = table.InForce.Values.Where(service => !changes.State.ContainsKey(service.Key)).ToList();
                wanted = gone.Select(static service => new ServicePortChange(service, null)).Concat(wanted.Where(change => change.After is not null));
            }

            table.Apply(wanted, changes.Node, result.Fail, _flows!.Add, cancellationToken);
            if (changes.IsFull)
            {
                table.DropUnusedClasses();
            }
        }
    }

    private void Adopt(ServiceChangeSet changes, Outcome result, CancellationToken cancellationToken)
    {
        // What others change from here on makes them unknown again.
        _isUnknown = false;
        try
        {
            foreach (var table in _tables)
            {
                _metrics!.Adoptions.Add(1);
                var wanted = changes.State.Values.Where(service => service.Family == table.Family).ToList();
                _flows!.AddFormer(table.Adopt(wanted, changes.Node, result.Fail, cancellationToken));
                foreach (var service in table.InForce.Values)
                {
                    _flows.Add(new ServicePortChange(null, service));
                }
            }
        }
        catch
        {
            _isUnknown = true;
            throw;
        }
    }

    private void AddNotices(ServicePort service, Outcome result)
    {
        if (_slots!.NoticeFor(service) is { } notice)
        {
            result.Notices.Add(new ServicePortNotice(service.Key, notice));
        }

        foreach (var option in service.Options.Keys)
        {
            result.Notices.Add(new ServicePortNotice(service.Key, $"annotation proxyframework.io/{option}: nftables mode does not have it; it is ignored"));
        }
    }

    private void Drifted(BackendContext context, string what)
    {
        _isUnknown = true;
        _metrics?.ForeignChanges.Add(1);
        context.ReportDrift(new DriftReport(what));
    }

    /// <summary>What is told of a change set.</summary>
    private sealed class Outcome
    {
        private readonly Dictionary<ServicePortKey, string> _failures = [];

        public List<ServicePortNotice> Notices { get; } = [];

        public void Fail(ServicePortKey key, string reason) => _failures[key] = reason;

        public SyncResult ToSyncResult() => _failures.Count == 0 && Notices.Count == 0 ? SyncResult.Success : new SyncResult
        {
            Failures = [.. _failures.Select(static failure => new ServicePortFailure(failure.Key, failure.Value))],
            Notices = [.. Notices],
        };
    }

    private static partial class Log
    {
        [LoggerMessage(EventId = 1, Level = LogLevel.Warning, Message = "Our tables were changed by others: {What}")]
        public static partial void Drift(ILogger logger, string what);

        [LoggerMessage(EventId = 2, Level = LogLevel.Error, Message = "Changes of our tables by others are not heard any more; they are found when they get in the way")]
        public static partial void Deaf(ILogger logger, Exception error);
    }
}
