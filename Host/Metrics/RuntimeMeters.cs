using System.Diagnostics.Metrics;
using Prometheus;

namespace ProxyFramework.Host.Metrics;

/// <summary>
/// Puts the instruments of .NET meters beside the proxy's own metrics: those of plugins, whatever their meters are called, and the
/// runtime's own (<c>System.Runtime</c>). The HTTP servers' and the name resolver's are left out: they say nothing of the proxy.
/// </summary>
internal static class RuntimeMeters
{
    /// <summary>Begins to listen. The adapter lives as long as the process.</summary>
    public static void AddTo(CollectorRegistry registry)
    {
        DotNetStats.Register(registry);
        MeterAdapter.StartListening(new MeterAdapterOptions
        {
            Registry = registry,
            MetricFactory = Prometheus.Metrics.WithCustomRegistry(registry),
            InstrumentFilterPredicate = IsWanted,
        });
    }

    private static bool IsWanted(Instrument instrument)
    {
        var meter = instrument.Meter.Name;
        return meter == "System.Runtime"
            || !(meter.StartsWith("Microsoft.", StringComparison.Ordinal) || meter.StartsWith("System.", StringComparison.Ordinal));
    }
}
