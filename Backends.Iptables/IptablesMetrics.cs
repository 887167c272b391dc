using System.Diagnostics.Metrics;

namespace ProxyFramework.Backends.Iptables;

/// <summary>What this mode counts, as instruments of the meter <c>ProxyFramework.Backends.Iptables</c>.</summary>
internal sealed class IptablesMetrics : IDisposable
{
    public const string MeterName = "ProxyFramework.Backends.Iptables";

    private readonly Meter _meter = new(MeterName);

    public IptablesMetrics(Func<long> restores, Func<long> lines, Func<long> refusals)
    {
        _meter.CreateObservableCounter("svcproxy.iptables.restores", restores, "{call}", "Calls of iptables-restore.");
        _meter.CreateObservableCounter("svcproxy.iptables.lines", lines, "{line}", "Lines that iptables-restore was fed.");
        _meter.CreateObservableCounter("svcproxy.iptables.refusals", refusals, "{call}", "Calls of iptables-restore that failed.");
        ForeignChanges = _meter.CreateCounter<long>("svcproxy.iptables.foreign_changes", "{change}", "Times that our rules were found to be gone.");
        DeletedFlows = _meter.CreateCounter<long>("svcproxy.iptables.deleted_udp_flows", "{flow}", "Connection tracking entries of stale UDP flows deleted.");
    }

    public Counter<long> ForeignChanges { get; }

    public Counter<long> DeletedFlows { get; }

    public void Dispose() => _meter.Dispose();
}
