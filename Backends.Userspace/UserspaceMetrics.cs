using System.Diagnostics.Metrics;

namespace ProxyFramework.Backends.Userspace;

/// <summary>What this mode counts, as instruments of the meter <c>svcproxy.userspace</c>: <c>/metrics</c> puts the meter's name before theirs.</summary>
internal sealed class UserspaceMetrics : IDisposable
{
    public const string MeterName = "svcproxy.userspace";

    private readonly Meter _meter = new(MeterName);
    private long _activeConnections;
    private long _activeFlows;

    public UserspaceMetrics(Func<int> listeners)
    {
        Connections = _meter.CreateCounter<long>("connections", "{connection}", "TCP connections balanced.");
        ConnectFailures = _meter.CreateCounter<long>("connect_failures", "{attempt}", "Connects to an endpoint that failed.");
        Retries = _meter.CreateCounter<long>("retries", "{attempt}", "Connects to another endpoint after one failed.");
        Unserved = _meter.CreateCounter<long>("unserved", "{connection}", "TCP connections reset because no endpoint took them.");
        Bytes = _meter.CreateCounter<long>("bytes", "By", "Payload relayed, both protocols and directions.");
        Flows = _meter.CreateCounter<long>("udp_flows", "{flow}", "UDP flows balanced.");
        DroppedDatagrams = _meter.CreateCounter<long>("udp_dropped", "{datagram}", "Datagrams that no endpoint could be given.");
        _meter.CreateObservableGauge("active_connections", () => ActiveConnections, "{connection}", "TCP connections open now.");
        _meter.CreateObservableGauge("active_udp_flows", () => ActiveFlows, "{flow}", "UDP flows open now.");
        _meter.CreateObservableGauge("listeners", listeners, "{socket}", "Listening sockets open now.");
    }

    public Counter<long> Connections { get; }

    public Counter<long> ConnectFailures { get; }

    public Counter<long> Retries { get; }

    public Counter<long> Unserved { get; }

    public Counter<long> Bytes { get; }

    public Counter<long> Flows { get; }

    public Counter<long> DroppedDatagrams { get; }

    public long ActiveConnections => Interlocked.Read(ref _activeConnections);

    public long ActiveFlows => Interlocked.Read(ref _activeFlows);

    public void ConnectionOpened() => Interlocked.Increment(ref _activeConnections);

    public void ConnectionClosed() => Interlocked.Decrement(ref _activeConnections);

    /// <summary>Counts a flow unless there are as many as allowed.</summary>
    public bool TryOpenFlow(int limit)
    {
        if (Interlocked.Increment(ref _activeFlows) <= limit)
        {
            return true;
        }

        FlowClosed();
        return false;
    }

    public void FlowClosed() => Interlocked.Decrement(ref _activeFlows);

    public void Dispose() => _meter.Dispose();
}
