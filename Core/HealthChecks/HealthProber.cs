using System.Collections.Immutable;
using System.Diagnostics.Metrics;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using ProxyFramework.Core.View;

namespace ProxyFramework.Core.HealthChecks;

/// <summary>
/// Asks the endpoints of all services that are to be checked, each in its own time, and tells the node view what follows. Probes are spread over
/// their interval from the start and drift apart by jitter, so that there is no burst; each is on its own, so that one that hangs harms no other.
/// </summary>
internal sealed partial class HealthProber : IDisposable
{
    public const string MeterName = "svcproxy.health_checks";

    /// <summary>Probes that are due within this time start together: the loop wakes no more often, however many there are.</summary>
    private static readonly TimeSpan Grain = TimeSpan.FromMilliseconds(10);

    private readonly HealthCheckCatalog _catalog;
    private readonly ChannelWriter<ViewInput> _view;
    private readonly TimeProvider _time;
    private readonly ILogger<HealthProber> _logger;
    private readonly Lock _gate = new();
    private readonly Dictionary<ServicePortKey, CheckedServicePort> _services = [];
    private readonly PriorityQueue<CheckedEndpoint, long> _queue = new();
    private readonly HashSet<CheckedServicePort> _changed = [];
    private readonly Channel<bool> _wake = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly ITimer _timer;
    private readonly Meter _meter = new(MeterName);
    private readonly Counter<long> _probes;
    private readonly Counter<long> _failures;

    public HealthProber(HealthCheckCatalog catalog, ChannelWriter<ViewInput> view, TimeProvider time, ILogger<HealthProber> logger)
    {
        (_catalog, _view, _time, _logger) = (catalog, view, time, logger);
        _timer = time.CreateTimer(_ => _wake.Writer.TryWrite(true), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _probes = _meter.CreateCounter<long>("probes", "{probe}", "Probes that ended.");
        _failures = _meter.CreateCounter<long>("failed_probes", "{probe}", "Probes that found an endpoint sick.");
        _meter.CreateObservableGauge("sick_endpoints", CountSick, "{endpoint}", "Endpoints that health checks take away now.");
    }

    public void Dispose()
    {
        _timer.Dispose();
        _meter.Dispose();
        lock (_gate)
        {
            foreach (var service in _services.Values)
            {
                LetGo(service.Probe);
            }

            _services.Clear();
        }
    }

    /// <summary>Takes what is to be checked from now on.</summary>
    public void Post(NodeViewChanges changes)
    {
        if (changes.HealthChecks.IsEmpty)
        {
            return;
        }

        lock (_gate)
        {
            foreach (var change in changes.HealthChecks)
            {
                Take(change);
            }
        }

        _wake.Writer.TryWrite(true);
    }

    /// <summary>Works until cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var due = new List<CheckedEndpoint>();
        while (await _wake.Reader.WaitToReadAsync(cancellationToken).ConfigureAwait(false))
        {
            _wake.Reader.TryRead(out _);
            var verdicts = Collect(due);
            foreach (var endpoint in due)
            {
                _ = Task.Run(() => ProbeAsync(endpoint, cancellationToken), CancellationToken.None);
            }

            due.Clear();
            if (!verdicts.IsEmpty)
            {
                await _view.WriteAsync(new ViewInput.Verdicts(verdicts), cancellationToken).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Takes out what is due and what is to be told, and sets the timer for what comes next.</summary>
    private ImmutableArray<(ServicePortKey, EndpointVerdicts)> Collect(List<CheckedEndpoint> due)
    {
        lock (_gate)
        {
            var now = _time.GetTimestamp();
            while (_queue.TryPeek(out var endpoint, out var at) && at <= now)
            {
                _queue.Dequeue();
                if (!IsChecked(endpoint))
                {
                    continue;
                }

                if (endpoint.IsAsked)
                {
                    Conclude(endpoint, ProbeResult.Unhealthy("the probe before has not ended, although it was cancelled"));
                }
                else
                {
                    endpoint.IsAsked = true;
                    due.Add(endpoint);
                }

                // From when it was due, so that the interval holds; from now where the process, or the machine, slept through it.
                var late = _time.GetElapsedTime(at, now) > endpoint.Owner.Settings.Interval;
                Schedule(endpoint, late ? now : at, 0.9 + (Random.Shared.NextDouble() * 0.2));
            }

            if (_queue.TryPeek(out _, out var next))
            {
                var wait = _time.GetElapsedTime(now, next);
                _timer.Change(wait > Grain ? wait : Grain, Timeout.InfiniteTimeSpan);
            }

            ImmutableArray<(ServicePortKey, EndpointVerdicts)> verdicts = [.. _changed.Select(service => (service.Key, service.TakeVerdicts(now, _time)))];
            _changed.Clear();
            return verdicts;
        }
    }

    /// <summary>Asks one endpoint, for as long as it may take. Never fails.</summary>
    private async Task ProbeAsync(CheckedEndpoint endpoint, CancellationToken stopping)
    {
        var settings = endpoint.Owner.Settings;
        var port = settings.Port != 0 ? settings.Port : endpoint.Port;
        using var timeout = new CancellationTokenSource(settings.Timeout, _time);
        ProbeResult result;
        try
        {
            result = await endpoint.Owner.Probe.ProbeAsync(endpoint.Address, port, timeout.Token).ConfigureAwait(false);
        }
        catch (Exception error)
        {
            result = ProbeResult.Unhealthy(timeout.IsCancellationRequested ? $"no answer within {settings.Timeout.TotalSeconds} s" : error.Message);
        }

        if (stopping.IsCancellationRequested)
        {
            return;
        }

        lock (_gate)
        {
            endpoint.IsAsked = false;
            if (IsChecked(endpoint))
            {
                Conclude(endpoint, result);
            }
        }
    }

    private void Conclude(CheckedEndpoint endpoint, ProbeResult result)
    {
        var now = _time.GetTimestamp();
        _probes.Add(1);
        if (!result.IsHealthy)
        {
            _failures.Add(1);
        }

        if (endpoint.Observe(result.IsHealthy, now))
        {
            if (endpoint.IsHealthy)
            {
                Log.Healthy(_logger, endpoint.Owner.Key, new Endpoint(endpoint.Address, endpoint.Port));
            }
            else
            {
                Log.Sick(_logger, endpoint.Owner.Key, new Endpoint(endpoint.Address, endpoint.Port), result.Reason);
            }
        }

        if (endpoint.ShareAt(now, _time) != endpoint.PublishedShare)
        {
            _changed.Add(endpoint.Owner);
            _wake.Writer.TryWrite(true);
        }
    }

    private bool IsChecked(CheckedEndpoint endpoint) =>
        _services.TryGetValue(endpoint.Owner.Key, out var service) && service == endpoint.Owner
        && service.Endpoints.TryGetValue((endpoint.Address, endpoint.Port), out var current) && current == endpoint;

    private void Take(CheckedEndpointsChange change)
    {
        var before = _services.GetValueOrDefault(change.Key);
        var service = change.After is not { } wanted ? null : before?.Choice == wanted.Check ? before : TryCreate(change.Key, wanted.Check);
        if (before is not null && before != service)
        {
            LetGo(before.Probe);
        }

        if (service is null)
        {
            _services.Remove(change.Key);
            _changed.RemoveWhere(changed => changed.Key == change.Key);
            if (change.After is not null && before is not null)
            {
                // What cannot be checked any more has all its endpoints back.
                _changed.Add(new CheckedServicePort(change.Key, before.Choice, before.Probe, before.Settings));
            }

            return;
        }

        _services[change.Key] = service;
        var endpoints = change.After!.Endpoints.ToHashSet();
        foreach (var gone in service.Endpoints.Keys.Where(endpoint => !endpoints.Contains(endpoint)).ToList())
        {
            service.Endpoints.Remove(gone);
        }

        var now = _time.GetTimestamp();
        var joins = service.Settings.SlowStart > TimeSpan.Zero && service.Endpoints.Count > 0;
        foreach (var (address, port) in endpoints.Where(endpoint => !service.Endpoints.ContainsKey(endpoint)))
        {
            var endpoint = new CheckedEndpoint(service, address, port, joins ? now : null);
            if (before != service && before?.Endpoints.GetValueOrDefault((address, port)) is { } known)
            {
                endpoint.CarryOver(known);
            }

            service.Endpoints.Add((address, port), endpoint);
            Schedule(endpoint, now, Random.Shared.NextDouble());
            if (joins)
            {
                _changed.Add(service);
            }
        }

        if (before is not null && before != service)
        {
            _changed.RemoveWhere(changed => changed == before);
            _changed.Add(service);
        }
    }

    private int CountSick()
    {
        lock (_gate)
        {
            return _services.Values.Sum(service => service.Endpoints.Values.Count(endpoint => !endpoint.IsHealthy));
        }
    }

    /// <summary>Foreign code: not here, under the lock, and its failures are nobody's.</summary>
    private static void LetGo(IHealthProbe probe)
    {
        if (probe is IDisposable disposable)
        {
            _ = Task.Run(disposable.Dispose);
        }
    }

    private CheckedServicePort? TryCreate(ServicePortKey key, string choice)
    {
        try
        {
            var (check, probe, settings) = _catalog.Create(choice);
            if (settings.Port == 0 && check.Protocol is { } protocol && protocol != key.Protocol)
            {
                LetGo(probe);
                Log.OtherProtocol(_logger, key, check.Name, protocol);
                return null;
            }

            return new CheckedServicePort(key, choice, probe, settings);
        }
        catch (ArgumentException problem)
        {
            Log.NotChecked(_logger, key, problem.Message);
            return null;
        }
    }

    private void Schedule(CheckedEndpoint endpoint, long from, double intervals)
    {
        _queue.Enqueue(endpoint, from + (long)(endpoint.Owner.Settings.Interval.TotalSeconds * intervals * _time.TimestampFrequency));
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Warning, "{Service}: endpoint {Endpoint} is sick and takes no new connections: {Reason}")]
        public static partial void Sick(ILogger logger, ServicePortKey service, Endpoint endpoint, string reason);

        [LoggerMessage(2, LogLevel.Information, "{Service}: endpoint {Endpoint} is healthy again.")]
        public static partial void Healthy(ILogger logger, ServicePortKey service, Endpoint endpoint);

        [LoggerMessage(3, LogLevel.Warning, "{Service}: annotation proxyframework.io/health-check: {Problem}. Its endpoints are not checked.")]
        public static partial void NotChecked(ILogger logger, ServicePortKey service, string problem);

        [LoggerMessage(4, LogLevel.Debug, "{Service}: health check {Check} asks over {Protocol}; this port is not checked. Name a port=… to ask at another.")]
        public static partial void OtherProtocol(ILogger logger, ServicePortKey service, string check, TransportProtocol protocol);
    }
}
