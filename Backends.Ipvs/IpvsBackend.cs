using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using ProxyFramework.Backends.Ipvs.Kernel;
using ProxyFramework.Backends.Ipvs.Layout;
using ProxyFramework.KernelBackends;
using ProxyFramework.Netlink;
using ProxyFramework.Netlink.Ipvs;
using ProxyFramework.Netlink.NfTables;

namespace ProxyFramework.Backends.Ipvs;

/// <summary>
/// The IPVS mode: virtual servers of the kernel over generic netlink, with a small nftables table for what IPVS cannot do. The
/// README beside this file shows how they work together.
/// </summary>
public sealed partial class IpvsBackend : IBackend
{
    private const int ModePreference = 300;

    private IpvsNode? _node;
    private DriftWatch? _watch;
    private ILogger? _logger;

    /// <inheritdoc/>
    public string Name => "ipvs";

    /// <inheritdoc/>
    public ValueTask<BackendSupport> ProbeAsync(CancellationToken cancellationToken) => ValueTask.FromResult(FindMissing() is { IsEmpty: false } missing
        ? BackendSupport.NotSupported(missing)
        : BackendSupport.Supported(ModePreference) with { ServesLoopbackNodePorts = false });

    /// <inheritdoc/>
    public ValueTask StartAsync(BackendContext context, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(context);
        var settings = IpvsSettings.Read(context.Settings);
        _logger = context.LoggerFactory.CreateLogger<IpvsBackend>();
        try
        {
            var support = IpvsSupport.Probe(KernelSchedulers.Known);
            if (support.Info is null)
            {
                throw new BackendException(string.Join("; ", support.Problems));
            }

            var schedulers = new KernelSchedulers(context.Schedulers, context.DefaultScheduler, support.MissingSchedulers);
            _node = new IpvsNode(schedulers, settings, context.TimeProvider, context.DrainTimeout, error => Log.NotDrained(_logger, error));
            _watch = new DriftWatch(_node.NftPort, CompanionSchema.IsOurs, what => Drifted(context, what), error => Log.Deaf(_logger, error));
            if (_node.DeviceNotice is { } notice)
            {
                Log.NoDevice(_logger, notice);
            }
        }
        catch (NetlinkException error)
        {
            throw new BackendException($"the kernel's IPVS or nf_tables cannot be reached: {error.Message}", error);
        }

        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask<SyncResult> ApplyAsync(ServiceChangeSet changes, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(changes);
        return ValueTask.FromResult(_node!.Apply(changes, _watch!));
    }

    /// <inheritdoc/>
    public ValueTask CleanupAsync(BackendContext context, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(context);
        IpvsNode.Cleanup(IpvsSettings.Read(context.Settings));
        return ValueTask.CompletedTask;
    }

    /// <summary>Lets go of the sockets. Everything stays in force.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_watch is not null)
        {
            await _watch.DisposeAsync().ConfigureAwait(false);
        }

        if (_node is not null)
        {
            await _node.DisposeAsync().ConfigureAwait(false);
        }
    }

    private static ImmutableArray<string> FindMissing()
    {
        if (!OperatingSystem.IsLinux())
        {
            return ["IPVS mode needs Linux"];
        }

        try
        {
            // Other schedulers are missed where they are asked for.
            var problems = IpvsSupport.Probe("rr").Problems;
            using var nft = NftNetlink.Open();
            nft.GetGeneration();
            return problems;
        }
        catch (NetlinkException error) when (error.ErrorNumber is Errno.EPERM or Errno.EACCES)
        {
            return ["IPVS mode needs CAP_NET_ADMIN and CAP_SYS_ADMIN: run as root, or give the capabilities"];
        }
        catch (NetlinkException error)
        {
            return [$"IPVS mode needs IPVS and nf_tables, which this kernel does not have ({error.Message}): load the modules ip_vs and nf_tables"];
        }
    }

    private void Drifted(BackendContext context, string what)
    {
        _node!.Distrust();
        context.ReportDrift(new DriftReport(what));
    }

    private static partial class Log
    {
        [LoggerMessage(EventId = 1, Level = LogLevel.Warning, Message = "Drained virtual and real servers could not be looked after; trying again")]
        public static partial void NotDrained(ILogger logger, Exception error);

        [LoggerMessage(EventId = 2, Level = LogLevel.Error, Message = "Changes of our tables by others are not heard any more; they are found when they get in the way")]
        public static partial void Deaf(ILogger logger, Exception error);

        [LoggerMessage(EventId = 3, Level = LogLevel.Warning, Message = "There is {Notice}")]
        public static partial void NoDevice(ILogger logger, string notice);
    }
}
