using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using ProxyFramework.Core.View;

namespace ProxyFramework.Core.Health;

/// <summary>
/// Keeps one server for each Service with a <c>healthCheckNodePort</c>. A port that cannot be had is reported and tried again; it
/// never holds up anything else.
/// </summary>
public sealed partial class HealthCheckNodePortServers(ProxyHealth health, TimeProvider time, ILoggerFactory loggers)
{
    private static readonly TimeSpan RetryPeriod = TimeSpan.FromSeconds(15);

    private readonly ILogger _logger = loggers.CreateLogger<HealthCheckNodePortServers>();
    private readonly Channel<NodeViewChanges> _changes = Channel.CreateUnbounded<NodeViewChanges>(new UnboundedChannelOptions { SingleReader = true });
    private readonly Dictionary<NamespacedName, ServiceHealth> _wanted = [];
    private readonly Dictionary<NamespacedName, HealthCheckServer> _servers = [];
    private readonly HashSet<(NamespacedName Service, string Problem)> _reported = [];
    private NodeState _node = NodeState.Unknown;

    /// <summary>Takes what the node view says. From any thread; never blocks.</summary>
    public void Post(NodeViewChanges changes)
    {
        ArgumentNullException.ThrowIfNull(changes);
        if (!changes.HealthCheckNodePorts.IsEmpty || changes.Node is not null)
        {
            _changes.Writer.TryWrite(changes);
        }
    }

    /// <summary>Serves until cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var retry = time.CreateTimer(_ => _changes.Writer.TryWrite(NodeViewChanges.Empty), null, RetryPeriod, RetryPeriod);
        try
        {
            while (true)
            {
                var changes = await _changes.Reader.ReadAsync(cancellationToken).ConfigureAwait(false);
                await TakeAsync(changes, cancellationToken).ConfigureAwait(false);
            }
        }
        finally
        {
            await retry.DisposeAsync().ConfigureAwait(false);

            // All at once: each may have a request under way, and shutdown has seconds, not minutes.
            await Task.WhenAll(_servers.Values.Select(server => server.DisposeAsync().AsTask())).ConfigureAwait(false);
            _servers.Clear();
        }
    }

    private async Task TakeAsync(NodeViewChanges changes, CancellationToken cancellationToken)
    {
        var touched = new HashSet<NamespacedName>();
        foreach (var change in changes.HealthCheckNodePorts)
        {
            touched.Add(change.Service);
            if (change.After is { } after)
            {
                _wanted[change.Service] = after;
            }
            else
            {
                _wanted.Remove(change.Service);
            }
        }

        if (changes.Node is { } node)
        {
            if (!node.NodePortAddresses.AsSpan().SequenceEqual(_node.NodePortAddresses.AsSpan()))
            {
                touched.UnionWith(_wanted.Keys);
            }

            _node = node;
        }

        if (changes.IsEmpty)
        {
            touched.UnionWith(_servers.Where(one => !one.Value.Problems.IsEmpty).Select(one => one.Key));
        }

        // Those that go first: another may have got the port.
        foreach (var service in touched.OrderBy(_wanted.ContainsKey))
        {
            await AgreeAsync(service, cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task AgreeAsync(NamespacedName service, CancellationToken cancellationToken)
    {
        var wanted = _wanted.GetValueOrDefault(service);
        if (_servers.TryGetValue(service, out var server))
        {
            if (wanted is not null && server.Port == wanted.Port && server.Problems.IsEmpty
                && server.Addresses.AsSpan().SequenceEqual(_node.NodePortAddresses.AsSpan()))
            {
                server.Service = wanted;
                return;
            }

            _servers.Remove(service);
            await server.DisposeAsync().ConfigureAwait(false);
        }

        if (wanted is null)
        {
            _reported.RemoveWhere(one => one.Service == service);
            return;
        }

        var started = await HealthCheckServer.StartAsync(wanted, _node.NodePortAddresses, health, loggers, cancellationToken).ConfigureAwait(false);
        _servers.Add(service, started);
        Report(service, started);
    }

    private void Report(NamespacedName service, HealthCheckServer server)
    {
        if (server.Problems.IsEmpty)
        {
            if (_reported.RemoveWhere(one => one.Service == service) > 0)
            {
                Log.Listening(_logger, service, server.Port);
            }

            return;
        }

        foreach (var problem in server.Problems)
        {
            if (_reported.Add((service, problem)))
            {
                Log.CannotListen(_logger, service, problem);
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Warning, "Service {Service}: its healthCheckNodePort cannot be served at {Problem}. It is tried again every 15 s.")]
        public static partial void CannotListen(ILogger logger, NamespacedName service, string problem);

        [LoggerMessage(2, LogLevel.Information, "Service {Service}: its healthCheckNodePort {Port} is served at all addresses.")]
        public static partial void Listening(ILogger logger, NamespacedName service, ushort port);
    }
}
