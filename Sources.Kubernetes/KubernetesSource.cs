using Microsoft.Extensions.Logging;
using ProxyFramework.Core;
using ProxyFramework.Core.Objects;
using ProxyFramework.Core.Sources;

namespace ProxyFramework.Sources.Kubernetes;

/// <summary>
/// Services, EndpointSlices and this node's Node from a Kubernetes API server. It is complete when Services and EndpointSlices have been
/// listed and the Node is there, or was waited for long enough; until then nothing is removed from the node, and afterwards a lost API
/// server leaves everything in force.
/// </summary>
public sealed partial class KubernetesSource : IServiceSource
{
    private readonly KubernetesSourceOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;

    /// <summary>A source that does nothing until it is run.</summary>
    /// <param name="options">Where the API server is.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">The log.</param>
    /// <exception cref="ProxyStartException">The kubeconfig, or the pod's service account, cannot be used.</exception>
    public KubernetesSource(KubernetesSourceOptions options, TimeProvider time, ILogger<KubernetesSource> logger)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(time);
        ArgumentNullException.ThrowIfNull(logger);
        (_options, _time, _logger) = (options, time, logger);
        try
        {
            ApiServer.Check(options);
        }
        catch (InvalidKubeconfigException problem)
        {
            throw new ProxyStartException(ProxyExitCode.Usage, problem.Message, problem);
        }
    }

    /// <inheritdoc/>
    public string Name => "kubernetes";

    /// <inheritdoc/>
    public async Task RunAsync(ISourceSink sink, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(sink);
        using var server = new ApiServer(_options, _logger);
        Log.Begins(_logger, server.Address);
        using var oneAtATime = new SemaphoreSlim(1);
        var strings = new InternedStrings();
        var nodeIsThere = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        ListWatch[] watches = [];
        using var metrics = new KubernetesMetrics(
            () => watches.Select(watch => KubernetesMetrics.Of(watch.Resource, watch.IsWatching ? 1 : 0)),
            () => watches.Select(watch => KubernetesMetrics.Of(watch.Resource, watch.Count)));
        var services = Watch(WatchedResource.Services(_options.ServiceProxyName));
        var slices = Watch(WatchedResource.EndpointSlices(_options.ServiceProxyName));
        var node = Watch(WatchedResource.Node(_options.NodeName));
        watches = [services, slices, node];

        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task[] tasks = [.. watches.Select(watch => watch.RunAsync(ending.Token)), CompleteAsync()];
        try
        {
            // None of them ends but by cancellation, or by an error in this program.
            await await Task.WhenAny(tasks[..3]).ConfigureAwait(false);
        }
        finally
        {
            await ending.CancelAsync().ConfigureAwait(false);
            await Task.WhenAll(tasks).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        async Task CompleteAsync()
        {
            await Task.WhenAll(services.Listed, slices.Listed).WaitAsync(ending.Token).ConfigureAwait(false);
            try
            {
                await nodeIsThere.Task.WaitAsync(_options.NodeTimeout, _time, ending.Token).ConfigureAwait(false);
            }
            catch (TimeoutException)
            {
                Log.NoNode(_logger, _options.NodeName, _options.NeedsPodCidrs ? " with pod CIDRs" : "", _options.NodeTimeout.TotalSeconds);
            }

            await PublishAsync([new SourceEvent.Complete()], ending.Token).ConfigureAwait(false);
        }

        ListWatch Watch(WatchedResource resource) =>
            new(resource, server, _options, strings, PublishAsync, sink.Report, metrics, _time, _logger);

        async ValueTask PublishAsync(IReadOnlyList<SourceEvent> events, CancellationToken cancellation)
        {
            await oneAtATime.WaitAsync(cancellation).ConfigureAwait(false);
            try
            {
                await sink.PublishAsync(events, cancellation).ConfigureAwait(false);
            }
            finally
            {
                oneAtATime.Release();
            }

            if (!nodeIsThere.Task.IsCompleted && events.OfType<SourceEvent.NodeUpserted>().Any(one => !_options.NeedsPodCidrs || !one.Node.PodCidrs.IsEmpty))
            {
                nodeIsThere.TrySetResult();
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Information, "Services, EndpointSlices and this Node come from the API server {Address}")]
        public static partial void Begins(ILogger logger, Uri address);

        [LoggerMessage(2, LogLevel.Warning, "There is no Node {Name}{What} after {Seconds:0} s; going on without it. Is --hostname-override needed?")]
        public static partial void NoNode(ILogger logger, string name, string what, double seconds);
    }
}
