namespace ProxyFramework.Sources.Kubernetes;

/// <summary>
/// How long to wait before the API server is asked again: 200 ms, doubled with each failure, up to 30 s, times 0.5 to 1.5 at random, so
/// that the nodes of a cluster do not come back all at once. What the server asks for (<c>Retry-After</c>) is the least.
/// </summary>
internal sealed class RetryDelays(Random random)
{
    private static readonly TimeSpan First = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan Last = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan LongestAskedFor = TimeSpan.FromMinutes(5);

    private int _failures;

    /// <summary>How many failures there were since the last success.</summary>
    public int Failures => _failures;

    /// <summary>It works again.</summary>
    public void Reset() => _failures = 0;

    /// <summary>The wait after one more failure.</summary>
    public TimeSpan Next(TimeSpan? retryAfter)
    {
        var doubled = _failures >= 8 ? Last : First * (1 << _failures);
        _failures++;
        var wait = (doubled < Last ? doubled : Last) * (0.5 + random.NextDouble());
        var least = retryAfter ?? TimeSpan.Zero;
        least = least < LongestAskedFor ? least : LongestAskedFor;
        return wait > least ? wait : least + (wait * 0.1);
    }
}
