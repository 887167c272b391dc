using System.Collections.Immutable;
using System.Globalization;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using ProxyFramework.Core.Localhost;
using ProxyFramework.Core.Plugins;

namespace ProxyFramework.Core;

/// <summary>Removes what backends left on this node, without a proxy running: <c>svcproxy cleanup</c>.</summary>
public sealed class ProxyCleanup(
    PluginCatalog catalog,
    BackendSelection selection,
    IOptions<ServiceProxyOptions> options,
    IServiceProvider services,
    ILoggerFactory loggerFactory,
    TimeProvider time)
{
    /// <summary>Cleans up after one backend, or after all.</summary>
    /// <param name="mode">The backend's name; null, or <see cref="ServiceProxyOptions.AutoMode"/>, for all.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>What became of each, ordered by name. A failure of one does not keep the others from being cleaned up.</returns>
    /// <exception cref="ProxyStartException">There is no such mode.</exception>
    public async Task<ImmutableArray<CleanupOutcome>> RunAsync(string? mode, CancellationToken cancellationToken)
    {
        var backends = mode is null or ServiceProxyOptions.AutoMode
            ? catalog.Backends.Values.OrderBy(backend => backend.Name, StringComparer.Ordinal).ToArray()
            : [selection.Find(mode)];
        var outcomes = ImmutableArray.CreateBuilder<CleanupOutcome>(backends.Length);
        foreach (var backend in backends)
        {
            outcomes.Add(await CleanAsync(backend, cancellationToken).ConfigureAwait(false));
        }

        return outcomes.ToImmutable();
    }

    private async Task<CleanupOutcome> CleanAsync(IBackend backend, CancellationToken cancellationToken)
    {
        var support = await BackendProbe.RunAsync(backend, time, cancellationToken).ConfigureAwait(false);
        if (!support.IsSupported)
        {
            return new CleanupOutcome(backend.Name, CleanupStatus.NotSupported, string.Join("; ", support.Missing));
        }

        // A companion's traces are traces of the mode that it ran beside.
        backend = LocalhostNodePortBackend.Complete(
            backend, support, selection, Configuration, options.Value.ForSyncLoop(), time, loggerFactory);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        try
        {
            await Task.Run(() => backend.CleanupAsync(Context(backend), limit.Token).AsTask(), CancellationToken.None)
                .WaitAsync(options.Value.BackendTimeout, time, cancellationToken).ConfigureAwait(false);
            return new CleanupOutcome(backend.Name, CleanupStatus.Cleaned, null);
        }
        catch (TimeoutException)
        {
            await limit.CancelAsync().ConfigureAwait(false);
            return new CleanupOutcome(backend.Name, CleanupStatus.Failed, string.Create(
                CultureInfo.InvariantCulture, $"CleanupAsync did not return within {options.Value.BackendTimeout.TotalSeconds} s"));
        }
        catch (Exception error) when (!cancellationToken.IsCancellationRequested)
        {
            return new CleanupOutcome(
                backend.Name, CleanupStatus.Failed, error is BackendException ? error.Message : $"{error.GetType().Name}: {error.Message}");
        }
    }

    private IConfiguration Configuration => services.GetService<IConfiguration>() ?? new ConfigurationBuilder().Build();

    private BackendContext Context(IBackend backend) => new()
    {
        LoggerFactory = loggerFactory,
        TimeProvider = time,
        Schedulers = catalog.Schedulers,
        Settings = Configuration.GetSection(backend.Name),
        DefaultScheduler = options.Value.DefaultScheduler,
        DrainTimeout = options.Value.DrainTimeout,
        ReportDrift = static _ => { },
    };
}
