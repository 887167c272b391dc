using System.Diagnostics.Metrics;

namespace ProxyFramework.Sources.Kubernetes;

/// <summary>What the source counts, as instruments of the meter <c>svcproxy.kubernetes</c>; each has the label <c>resource</c>.</summary>
internal sealed class KubernetesMetrics : IDisposable
{
    public const string MeterName = "svcproxy.kubernetes";

    private readonly Meter _meter = new(MeterName);
    private readonly Counter<long> _lists;
    private readonly Counter<long> _watches;
    private readonly Counter<long> _events;
    private readonly Counter<long> _differences;
    private readonly Counter<long> _failures;

    public KubernetesMetrics(Func<IEnumerable<Measurement<int>>> isWatching, Func<IEnumerable<Measurement<int>>> objects)
    {
        _lists = _meter.CreateCounter<long>("lists", "{list}", "Complete lists, streamed or paged.");
        _watches = _meter.CreateCounter<long>("watches", "{watch}", "Watches that were begun.");
        _events = _meter.CreateCounter<long>("watch_events", "{event}", "Events of watches, bookmarks included.");
        _differences = _meter.CreateCounter<long>("differences", "{object}", "Objects that differed from what was known, and were passed on.");
        _failures = _meter.CreateCounter<long>("failures", "{failure}", "Lists and watches that failed, by reason.");
        _meter.CreateObservableGauge("watching", isWatching, "{watch}", "Whether the watch stands now.");
        _meter.CreateObservableGauge("objects", objects, "{object}", "Objects that are known.");
    }

    public void Listed(WatchedResource resource, string how) => _lists.Add(1, Tag(resource), new("how", how));

    public void Watched(WatchedResource resource) => _watches.Add(1, Tag(resource));

    public void Received(WatchedResource resource, int events) => _events.Add(events, Tag(resource));

    public void Published(WatchedResource resource, int differences) => _differences.Add(differences, Tag(resource));

    public void Failed(WatchedResource resource, string reason) => _failures.Add(1, Tag(resource), new("reason", reason));

    public static Measurement<int> Of(WatchedResource resource, int value) => new(value, Tag(resource));

    public void Dispose() => _meter.Dispose();

    private static KeyValuePair<string, object?> Tag(WatchedResource resource) => new("resource", resource.Name);
}
