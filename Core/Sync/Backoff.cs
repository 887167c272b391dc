namespace ProxyFramework.Core.Sync;

/// <summary>
/// How long to wait before what failed is tried again: 1 s, doubled each time, 30 s at most, and a tenth more or less at random, so
/// that what failed together is not tried together for ever.
/// </summary>
internal sealed class Backoff(Random random)
{
    private static readonly TimeSpan First = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Last = TimeSpan.FromSeconds(30);

    /// <summary>The wait after a number of attempts, 1 or more.</summary>
    public TimeSpan After(int attempts)
    {
        var doubled = attempts > 5 ? Last : First * (1 << (attempts - 1));
        return (doubled < Last ? doubled : Last) * (0.9 + (0.2 * random.NextDouble()));
    }
}
