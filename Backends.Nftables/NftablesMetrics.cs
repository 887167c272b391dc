using System.Diagnostics.Metrics;

namespace ProxyFramework.Backends.Nftables;

/// <summary>What this mode counts, as instruments of the meter <c>ProxyFramework.Backends.Nftables</c>.</summary>
internal sealed class NftablesMetrics : IDisposable
{
    public const string MeterName = "ProxyFramework.Backends.Nftables";

    private readonly Meter _meter = new(MeterName);

    public NftablesMetrics(Func<long> transactions, Func<long> elements)
    {
        _meter.CreateObservableCounter("svcproxy.nftables.transactions", transactions, "{transaction}", "Transactions committed.");
        _meter.CreateObservableCounter("svcproxy.nftables.element_changes", elements, "{element}", "Elements of sets and maps added and deleted.");
        ForeignChanges = _meter.CreateCounter<long>("svcproxy.nftables.foreign_changes", "{transaction}", "Transactions of others that changed our tables.");
        Adoptions = _meter.CreateCounter<long>("svcproxy.nftables.adoptions", "{table}", "Tables compared with the kernel's: at the start, and after changes of others.");
        DeletedFlows = _meter.CreateCounter<long>("svcproxy.nftables.deleted_udp_flows", "{flow}", "Connection tracking entries of stale UDP flows deleted.");
    }

    public Counter<long> ForeignChanges { get; }

    public Counter<long> Adoptions { get; }

    public Counter<long> DeletedFlows { get; }

    public void Dispose() => _meter.Dispose();
}
