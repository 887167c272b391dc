using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace ProxyFramework.Kubernetes.Tests;

/// <summary>What all sources of this process count while this lives: tests run one after the other.</summary>
internal sealed class Measurements : IDisposable
{
    private readonly ConcurrentQueue<(string Name, double Value, KeyValuePair<string, object?>[] Tags)> _all = new();
    private readonly MeterListener _listener = new();

    public Measurements()
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name == "svcproxy.kubernetes")
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => _all.Enqueue((instrument.Name, value, tags.ToArray())));
        _listener.SetMeasurementEventCallback<int>((instrument, value, tags, _) => _all.Enqueue((instrument.Name, value, tags.ToArray())));
        _listener.Start();
    }

    public double Sum(string name, params (string Key, string Value)[] tags) => Matching(name, tags).Sum();

    public double Last(string name, params (string Key, string Value)[] tags)
    {
        _listener.RecordObservableInstruments();
        return Matching(name, tags).Last();
    }

    public void Dispose() => _listener.Dispose();

    private IEnumerable<double> Matching(string name, (string Key, string Value)[] tags) => _all
        .Where(one => one.Name == name && tags.All(tag => one.Tags.Any(given => given.Key == tag.Key && (string?)given.Value == tag.Value)))
        .Select(one => one.Value);
}
