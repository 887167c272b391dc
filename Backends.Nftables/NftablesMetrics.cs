using System.Diagnostics.Metrics;

namespace ProxyFramework.Backends.Nftables;

/// <summary>What this mode counts, as instruments of the meter <c>svcproxy.nftables</c>: <c>/metrics</c> puts the meter's name before theirs.</summary>
internal sealed class NftablesMetrics : IDisposable
{
    public const string MeterName = "svcproxy.nftables";

    private readonly Meter _meter = new(MeterName);

    public NftablesMetrics(Func<long> transactions, Func<long> elements)
    {
        _meter.CreateObservableCounter("transactions", transactions, "{transaction}", "Transactions committed.");
        _meter.CreateObservableCounter("element_changes", elements, "{element}", "Elements of sets and maps added and deleted.");
        ForeignChanges = _meter.CreateCounter<long>("foreign_changes", "{transaction}", "Transactions of others that changed our tables.");
        Adoptions = _meter.CreateCounter<long>("adoptions", "{table}", "Tables compared with the kernel's: at the start, and after changes of others.");
        DeletedFlows = _meter.CreateCounter<long>("deleted_udp_flows", "{flow}", "Connection tracking entries of stale UDP flows deleted.");
    }

    public Counter<long> ForeignChanges { get; }

    public Counter<long> Adoptions { get; }

    public Counter<long> DeletedFlows { get; }

    public void Dispose() => _meter.Dispose();
}
