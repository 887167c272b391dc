using Prometheus;
using ProxyFramework.Core;
using ProxyFramework.Core.Sync;

namespace ProxyFramework.Host.Metrics;

/// <summary>
/// What happens to the sync loop, as metrics: kube-proxy's names, labels and buckets where it has them, so that dashboards and
/// alerts go on working, and <c>svcproxy_…</c> for what it has not.
/// </summary>
/// <remarks>
/// kube-proxy runs one loop a family, this proxy one for both: the duration of a change set counts for each family that has a
/// change in it. kube-proxy counts changed objects, here a change is a service port whose state on this node differs.
/// </remarks>
internal sealed class ProxyMetrics : ISyncObserver
{
    private const string FamilyLabel = "ip_family";

    private static readonly IPFamily[] Families = [IPFamily.IPv4, IPFamily.IPv6];

    // kube-proxy: from 1 ms, doubling, to 16.4 s.
    private static readonly double[] SyncBuckets = Histogram.ExponentialBuckets(0.001, 2, 15);

    // kube-proxy: the SLO for network programming is in seconds, and interesting up to 5 minutes.
    private static readonly double[] ProgrammingBuckets =
    [
        0.25, 0.5, .. Histogram.LinearBuckets(1, 1, 59), .. Histogram.LinearBuckets(60, 5, 12), .. Histogram.LinearBuckets(120, 30, 7),
    ];

    private readonly TimeProvider _time;
    private readonly LocalPolicyGaps _gaps = new();
    private readonly Histogram _syncs;
    private readonly Histogram _fullSyncs;
    private readonly Histogram _partialSyncs;
    private readonly Histogram _programming;
    private readonly Gauge _lastSynced;
    private readonly Gauge _lastQueued;
    private readonly Counter _endpointChanges;
    private readonly Counter _serviceChanges;
    private readonly Gauge _noLocalEndpoints;
    private readonly Gauge _pendingEndpoints;
    private readonly Gauge _pendingServices;
    private readonly Gauge _servicePorts;
    private readonly Gauge _unsettledServicePorts;
    private readonly Counter _failedSyncs;
    private readonly Counter _failedServicePorts;
    private readonly Counter _drift;
    private readonly Histogram _latency;
    private readonly Counter _hangs;
    private int _posted;
    private bool _hasSynced;

    /// <summary>Registers the metrics.</summary>
    /// <param name="registry">Where.</param>
    /// <param name="time">The clock.</param>
    public ProxyMetrics(CollectorRegistry registry, TimeProvider time)
    {
        _time = time;
        Registry = registry;
        var factory = Prometheus.Metrics.WithCustomRegistry(registry);
        _syncs = Histogram("sync_proxy_rules_duration_seconds", "Time to put a change set in force, in seconds", SyncBuckets);
        _fullSyncs = Histogram("sync_full_proxy_rules_duration_seconds", "Time to put a full change set in force, in seconds", SyncBuckets);
        _partialSyncs = Histogram("sync_partial_proxy_rules_duration_seconds", "Time to put a partial change set in force, in seconds", SyncBuckets);
        _programming = Histogram(
            "network_programming_duration_seconds", "Time from the change of an endpoint in the cluster until it is in force here, in seconds", ProgrammingBuckets);
        _lastSynced = Gauge("sync_proxy_rules_last_timestamp_seconds", "When a change set was last put in force, in seconds since 1970", FamilyLabel);
        _lastQueued = Gauge("sync_proxy_rules_last_queued_timestamp_seconds", "When a change was last queued, in seconds since 1970", FamilyLabel);
        _endpointChanges = Counter("sync_proxy_rules_endpoint_changes_total", "Service ports whose endpoints changed", FamilyLabel);
        _serviceChanges = Counter("sync_proxy_rules_service_changes_total", "Service ports that changed otherwise, or came or went", FamilyLabel);
        _noLocalEndpoints = Gauge(
            "sync_proxy_rules_no_local_endpoints_total", "Service ports whose Local traffic policy finds no endpoint on this node", FamilyLabel, "traffic_policy");
        Healthz = Counter("proxy_healthz_total", "Answers of /healthz by status code", "code");
        Livez = Counter("proxy_livez_total", "Answers of /livez by status code", "code");
        _servicePorts = factory.CreateGauge("svcproxy_service_ports", "Service ports that this node proxies");
        _unsettledServicePorts = factory.CreateGauge("svcproxy_service_ports_failing", "Service ports that could not be put in force");
        _failedSyncs = factory.CreateCounter("svcproxy_sync_failures_total", "Change sets that failed as a whole");
        _failedServicePorts = factory.CreateCounter("svcproxy_service_port_failures_total", "Service ports that could not be put in force, each attempt counted");
        _drift = factory.CreateCounter("svcproxy_drift_total", "Foreign changes to what was programmed");
        _latency = factory.CreateHistogram(
            "svcproxy_change_latency_seconds",
            "Time from the receipt of the oldest event of a change set until it is in force, in seconds",
            new HistogramConfiguration { Buckets = [0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] });
        _hangs = factory.CreateCounter("svcproxy_backend_hangs_total", "Calls of the backend that took longer than the backend timeout");
        _pendingEndpoints = Gauge("sync_proxy_rules_endpoint_changes_pending", "Service ports whose endpoints changed and that wait to be put in force");
        _pendingServices = Gauge("sync_proxy_rules_service_changes_pending", "Service ports that changed and wait to be put in force");

        // A family that has nothing yet shows up as 0 and not as missing.
        foreach (var family in Families.Select(Name))
        {
            foreach (var policy in new[] { "internal", "external" })
            {
                _noLocalEndpoints.WithLabels(family, policy);
            }

            _endpointChanges.WithLabels(family);
            _serviceChanges.WithLabels(family);
        }

        Histogram Histogram(string name, string help, double[] buckets) =>
            factory.CreateHistogram("kubeproxy_" + name, help, [FamilyLabel], new HistogramConfiguration { Buckets = buckets });
        Gauge Gauge(string name, string help, params string[] labels) => factory.CreateGauge("kubeproxy_" + name, help, labels);
        Counter Counter(string name, string help, params string[] labels) => factory.CreateCounter("kubeproxy_" + name, help, labels);
    }

    /// <summary>Answers of <c>/healthz</c>, by status code.</summary>
    public Counter Healthz { get; }

    /// <summary>Answers of <c>/livez</c>, by status code.</summary>
    public Counter Livez { get; }

    /// <summary>Where they are registered.</summary>
    public CollectorRegistry Registry { get; }

    /// <summary>Brings what is read and not counted up to date; before each scrape.</summary>
    public void Update(SyncStatus status, int servicePorts)
    {
        _servicePorts.Set(servicePorts);
        _unsettledServicePorts.Set(status.Failures.IsDefault ? 0 : status.Failures.Length);

        // Which part of a service port changed is known only when it is handed over: until then each counts as both.
        var pending = status.OldestPending is null ? 0 : Math.Max(1, Volatile.Read(ref _posted));
        _pendingEndpoints.Set(pending);
        _pendingServices.Set(pending);
    }

    /// <inheritdoc/>
    public void ChangesPosted(int changes)
    {
        Interlocked.Add(ref _posted, changes);
        SetForAll(_lastQueued, _time.GetUtcNow());
    }

    /// <inheritdoc/>
    public void Synced(ServiceChangeSet changes, SyncResult result, TimeSpan duration)
    {
        Volatile.Write(ref _posted, 0);
        SetForAll(_lastSynced, _time.GetUtcNow());
        _failedServicePorts.Inc(result.Failures.IsDefault ? 0 : result.Failures.Length);
        Count(changes, duration);
        _gaps.Apply(changes);
        foreach (var (family, isInternal, count) in _gaps.Counts)
        {
            _noLocalEndpoints.WithLabels(Name(family), isInternal ? "internal" : "external").Set(count);
        }

        _hasSynced = true;
    }

    /// <inheritdoc/>
    public void SyncFailed(ServiceChangeSet changes, Exception error, TimeSpan duration) => _failedSyncs.Inc();

    /// <inheritdoc/>
    public void ServicePortProgrammed(ServicePortKey key, TimeSpan latency) =>
        _programming.WithLabels(Name(key.Family)).Observe(latency.TotalSeconds);

    /// <inheritdoc/>
    public void ChangesInForce(TimeSpan latency) => _latency.Observe(latency.TotalSeconds);

    /// <inheritdoc/>
    public void DriftReported(DriftReport drift) => _drift.Inc();

    /// <inheritdoc/>
    public void BackendHung(string operation) => _hangs.Inc();

    private void Count(ServiceChangeSet changes, TimeSpan duration)
    {
        Span<int> touched = [0, 0];
        foreach (var change in changes.Changes)
        {
            var family = change.Key.Family;
            touched[Array.IndexOf(Families, family)]++;

            // A full change set says nothing of what was before: only the first is news.
            if (changes.IsFull && _hasSynced)
            {
                continue;
            }

            var (before, after) = (change.Before, change.After);
            var endpointsChanged = before is null || after is null || !before.Cluster.Equals(after.Cluster) || !before.Local.Equals(after.Local);
            if (endpointsChanged)
            {
                _endpointChanges.WithLabels(Name(family)).Inc();
            }

            if (before is null || after is null || !endpointsChanged)
            {
                _serviceChanges.WithLabels(Name(family)).Inc();
            }
        }

        for (var i = 0; i < Families.Length; i++)
        {
            if (touched[i] > 0 || changes.IsFull)
            {
                _syncs.WithLabels(Name(Families[i])).Observe(duration.TotalSeconds);
                (changes.IsFull ? _fullSyncs : _partialSyncs).WithLabels(Name(Families[i])).Observe(duration.TotalSeconds);
            }
        }
    }

    // One loop brings both families up to date, so these times hold for both.
    private static void SetForAll(Gauge gauge, DateTimeOffset time)
    {
        foreach (var family in Families)
        {
            gauge.WithLabels(Name(family)).Set(time.ToUnixTimeMilliseconds() / 1000.0);
        }
    }

    private static string Name(IPFamily family) => family == IPFamily.IPv4 ? "IPv4" : "IPv6";
}
