using System.Collections.Immutable;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using ProxyFramework.Core.Health;
using ProxyFramework.Core.Localhost;
using ProxyFramework.Core.Plugins;
using ProxyFramework.Core.Sources;
using ProxyFramework.Core.Sync;
using ProxyFramework.Core.View;

namespace ProxyFramework.Core;

/// <summary>
/// The proxy as a hosted service: chooses the backend, then runs sources → view → sync loop → backend until the host stops. What is
/// in force stays in force when it ends.
/// </summary>
public sealed partial class ServiceProxy : BackgroundService, IServiceProxyState
{
    private readonly ServiceProxyOptions _options;
    private readonly IServiceProvider _services;
    private readonly ILoggerFactory _loggerFactory;
    private readonly ILogger<ServiceProxy> _logger;
    private readonly TimeProvider _time;
    private Running? _running;

    /// <summary>A proxy that does nothing until it is started.</summary>
    public ServiceProxy(IOptions<ServiceProxyOptions> options, IServiceProvider services, ILoggerFactory loggerFactory, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(options);
        _options = options.Value;
        _services = services;
        _loggerFactory = loggerFactory;
        _logger = loggerFactory.CreateLogger<ServiceProxy>();
        _time = time;
    }

    /// <inheritdoc/>
    public string? Mode => _running?.Backend.Name;

    /// <inheritdoc/>
    public SyncStatus Sync => _running?.Loop.Status ?? new SyncStatus();

    /// <inheritdoc/>
    public NodeState Node => _running?.View.Node ?? NodeState.Unknown;

    /// <inheritdoc/>
    public bool IsNodeEligible => _running?.View.IsNodeEligible ?? true;

    /// <inheritdoc/>
    public int ServicePortCount => _running?.View.ServicePortCount ?? 0;

    /// <inheritdoc/>
    public ImmutableArray<ServicePort> SnapshotServicePorts() => _running?.View.Snapshot() ?? [];

    private IConfiguration Configuration => _services.GetService<IConfiguration>() ?? new ConfigurationBuilder().Build();

    /// <summary>Chooses the backend and starts it. Returns once it has started, or hangs.</summary>
    /// <exception cref="ProxyStartException">The proxy cannot run; the message says why and what to do.</exception>
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        var sources = FindSources();
        RequireDefaultScheduler();
        var selection = _services.GetRequiredService<BackendSelection>();
        var (backend, support) = await selection.SelectAsync(_options.Mode, cancellationToken).ConfigureAwait(false);
        Log.Chosen(_logger, backend.Name, _options.EffectiveNodeName());
        foreach (var limit in support.Limits.IsDefault ? [] : support.Limits)
        {
            Log.Limit(_logger, backend.Name, limit);
        }

        backend = LocalhostNodePortBackend.Complete(
            backend, support, selection, Configuration, _options.ForSyncLoop(), _time, _loggerFactory);
        _running = Assemble(backend, sources);
        await base.StartAsync(cancellationToken).ConfigureAwait(false);
        await BackendStartedAsync(_running, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var running = _running!;
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
        List<Task> tasks =
        [
            running.Loop.RunAsync(ending.Token),
            running.View.RunAsync(ending.Token),
            FeedAddressesAsync(running.View, ending.Token),
            running.HealthServers.RunAsync(ending.Token),
            .. running.Sources.Select(source => source.RunAsync(ending.Token)),
        ];
        var all = tasks.ToArray();
        try
        {
            // A source may end; if anything fails, the rest must not go on as if nothing were.
            while (tasks.Count > 0)
            {
                var ended = await Task.WhenAny(tasks).ConfigureAwait(false);
                tasks.Remove(ended);
                await ended.ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // Asked for.
        }
        catch (Exception error) when (error is not ProxyStartException && running.Loop.Started.IsFaulted)
        {
            throw StartFailure(running.Backend.Name, error);
        }
        finally
        {
            // The parts leave behind what does not end; the backend gets what they leave of the time.
            var began = _time.GetTimestamp();
            await ending.CancelAsync().ConfigureAwait(false);
            await Task.WhenAll(all).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await EndBackendAsync(running, _options.ShutdownTimeout - _time.GetElapsedTime(began)).ConfigureAwait(false);
        }
    }

    private ImmutableArray<IServiceSource> FindSources()
    {
        ImmutableArray<IServiceSource> sources = [.. _services.GetServices<IServiceSource>()];
        if (_options.Manifests.Count > 0)
        {
            try
            {
                sources = sources.Add(new ManifestSource(_options.Manifests, _time, _loggerFactory.CreateLogger<ManifestSource>()));
            }
            catch (InvalidManifestPathException problem)
            {
                throw new ProxyStartException(ProxyExitCode.Manifests, problem.Message, problem);
            }
        }

        return sources.IsEmpty
            ? throw new ProxyStartException(ProxyExitCode.Usage, "there is nothing to take services from: give --manifests, or add a source")
            : sources;
    }

    private void RequireDefaultScheduler()
    {
        if (_options.DefaultScheduler is not { } name)
        {
            return;
        }

        var catalog = _services.GetRequiredService<PluginCatalog>();
        if (catalog.Schedulers.Find(name) is not null)
        {
            return;
        }

        throw catalog.Conflicts.FirstOrDefault(conflict => conflict.Kind == "scheduler" && conflict.Name == name) is { } conflict
            ? new ProxyStartException(ProxyExitCode.Plugin, conflict.ToString())
            : new ProxyStartException(ProxyExitCode.Usage, catalog.Schedulers.WhyNot(name));
    }

    private Running Assemble(IBackend backend, ImmutableArray<IServiceSource> sources)
    {
        SyncLoop? loop = null;
        var context = new BackendContext
        {
            LoggerFactory = _loggerFactory,
            TimeProvider = _time,
            Schedulers = _services.GetRequiredService<ISchedulerCatalog>(),
            Settings = Configuration.GetSection(backend.Name),
            DefaultScheduler = _options.DefaultScheduler,
            DrainTimeout = _options.DrainTimeout,
            ReportDrift = drift => loop!.ReportDrift(drift),
        };
        loop = new SyncLoop(
            backend, context, _options.ForSyncLoop(), _time, _loggerFactory.CreateLogger<SyncLoop>(), _services.GetServices<ISyncObserver>());

        var problems = new ProblemLog(_loggerFactory.CreateLogger<ProblemLog>());
        var healthServers = _services.GetRequiredService<HealthCheckNodePortServers>();
        var view = new ViewLoop(
            new NodeView(_options.ForNodeView(), problems.Report),
            [.. sources.Select(source => source.Name)],
            (changes, received) =>
            {
                loop.Post(changes, received);
                healthServers.Post(changes);
            },
            _time,
            _loggerFactory.CreateLogger<ViewLoop>());
        var runners = sources.Select((source, index) =>
            new SourceRunner(index, source, view.Feed, problems, _options.ForSyncLoop().ShutdownGrace, _time, _loggerFactory.CreateLogger<SourceRunner>()));
        return new Running(backend, loop, view, healthServers, [.. runners]);
    }

    /// <summary>
    /// A backend that cannot start must end the host's start, with its exit code; one that hangs must not, so that the host's health
    /// endpoints can tell.
    /// </summary>
    private async Task BackendStartedAsync(Running running, CancellationToken cancellationToken)
    {
        try
        {
            await running.Loop.Started.WaitAsync(_options.BackendTimeout, _time, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException) when (!running.Loop.Started.IsCompleted)
        {
            // The loop has said so.
        }
        catch (Exception error) when (!cancellationToken.IsCancellationRequested)
        {
            throw StartFailure(running.Backend.Name, error);
        }
    }

    private static ProxyStartException StartFailure(string mode, Exception error) => error is BackendException
        ? new ProxyStartException(ProxyExitCode.Mode, $"mode '{mode}' cannot start: {error.Message}", error)
        : new ProxyStartException(ProxyExitCode.Failure, $"mode '{mode}' failed to start: {error.GetType().Name}: {error.Message}", error);

    private async Task FeedAddressesAsync(ViewLoop view, CancellationToken cancellationToken)
    {
        await foreach (var addresses in _services.GetRequiredService<IInterfaceAddresses>().WatchAsync(cancellationToken).ConfigureAwait(false))
        {
            await view.Feed.WriteAsync(new ViewInput.Addresses(addresses), cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task EndBackendAsync(Running running, TimeSpan limit)
    {
        if (running.Loop.HasAbandonedCall)
        {
            return;
        }

        try
        {
            await Task.Run(() => running.Backend.DisposeAsync().AsTask()).WaitAsync(limit > TimeSpan.Zero ? limit : TimeSpan.Zero, _time).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            Log.EndsLate(_logger, running.Backend.Name, limit.TotalSeconds);
        }
        catch (Exception error)
        {
            Log.EndFailed(_logger, error, running.Backend.Name);
        }
    }

    /// <summary>The parts of a proxy whose backend has been chosen.</summary>
    private sealed record Running(
        IBackend Backend, SyncLoop Loop, ViewLoop View, HealthCheckNodePortServers HealthServers, ImmutableArray<SourceRunner> Sources);

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Information, "Mode {Mode} on node {Node}.")]
        public static partial void Chosen(ILogger logger, string mode, string node);

        [LoggerMessage(2, LogLevel.Warning, "Mode {Mode} is limited here: {Limit}")]
        public static partial void Limit(ILogger logger, string mode, string limit);

        [LoggerMessage(3, LogLevel.Warning, "Backend {Backend} did not end within {Seconds:0.0} s at shutdown and is left behind.")]
        public static partial void EndsLate(ILogger logger, string backend, double seconds);

        [LoggerMessage(4, LogLevel.Warning, "Backend {Backend} failed to end properly.")]
        public static partial void EndFailed(ILogger logger, Exception error, string backend);
    }
}
