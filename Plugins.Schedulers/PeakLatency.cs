namespace ProxyFramework.Plugins.Schedulers;

/// <summary>The latency of one endpoint as <see cref="PeakEwmaScheduler"/> sees it, from the answers that its load counts.</summary>
internal sealed class PeakLatency(EndpointLoad load, TimeProvider time, double decaySeconds)
{
    private const double Shortest = 1e-9;

    private readonly Lock _lock = new();
    private long _answers;
    private TimeSpan _total;
    private long _updatedAt = time.GetTimestamp();
    private double _seconds;

    /// <summary>The latency in seconds; 0 while there has been no answer.</summary>
    public double SecondsAt(long now)
    {
        var (answers, total) = load.Answers;
        lock (_lock)
        {
            var keep = Math.Exp(-Math.Max(0, time.GetElapsedTime(_updatedAt, now).TotalSeconds) / decaySeconds);
            var faded = _seconds * keep;
            if (answers > _answers)
            {
                var latest = (total - _total).TotalSeconds / (answers - _answers);
                _seconds = Math.Max(Shortest, latest >= _seconds ? latest : faded + (latest * (1 - keep)));
                (_answers, _total) = (answers, total);
            }
            else if (_seconds > 0)
            {
                // An endpoint that nobody asks any more is worth another try after a while, or it would never be seen to be fast again.
                _seconds = Math.Max(Shortest, faded);
            }

            _updatedAt = Math.Max(now, _updatedAt);
            return _seconds;
        }
    }
}
