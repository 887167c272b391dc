namespace ProxyFramework.Backends.Userspace;

/// <summary>Lets one through per interval: for messages about what happens to many connections at a time.</summary>
internal sealed class OncePerInterval(TimeProvider time, TimeSpan interval)
{
    private readonly long _ticks = (long)(interval.TotalSeconds * time.TimestampFrequency);
    private long _next = long.MinValue;

    public bool TryEnter()
    {
        var now = time.GetTimestamp();
        var next = Volatile.Read(ref _next);
        return now >= next && Interlocked.CompareExchange(ref _next, now + _ticks, next) == next;
    }
}
