using System.Diagnostics;

namespace ProxyFramework.Userspace.Tests.Backend;

/// <summary>Waiting for what must happen, never for a fixed time.</summary>
internal static class Wait
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    /// <summary>Ends an operation that should have been done long ago.</summary>
    public static CancellationToken Limit() => new CancellationTokenSource(Patience).Token;

    public static async Task UntilAsync(Func<bool> condition, string what)
    {
        var watch = Stopwatch.StartNew();
        while (!condition())
        {
            if (watch.Elapsed > Patience)
            {
                throw new TimeoutException($"not within {Patience.TotalSeconds} s: {what}");
            }

            await Task.Delay(5);
        }
    }

    public static async Task UntilAsync(Func<Task<bool>> condition, string what)
    {
        var watch = Stopwatch.StartNew();
        while (!await condition())
        {
            if (watch.Elapsed > Patience)
            {
                throw new TimeoutException($"not within {Patience.TotalSeconds} s: {what}");
            }

            await Task.Delay(5);
        }
    }
}
