using System.Diagnostics;
using Xunit.Sdk;

namespace ProxyFramework.Behaviour.Testbed;

/// <summary>Waits for conditions, never for times.</summary>
public static class Eventually
{
    public static readonly TimeSpan Limit = Pace.Limit(20);

    // Where the machine is slow, looking is a good part of its work.
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(Pace.Factor == 1 ? 5 : 50 * Pace.Factor);

    /// <summary>Tries the assertions again until they hold; after the limit, their failure is the outcome.</summary>
    public static async Task HoldsAsync(Func<Task> assertions, TimeSpan? limit = null)
    {
        var clock = Stopwatch.StartNew();
        while (true)
        {
            try
            {
                await assertions();
                return;
            }
            catch (XunitException) when (clock.Elapsed < (limit ?? Limit))
            {
                await Task.Delay(20 * Pace.Factor);
            }
        }
    }

    /// <summary>Polls until true.</summary>
    /// <returns>Whether it became true within the limit.</returns>
    public static async Task<bool> TrueAsync(Func<Task<bool>> condition, TimeSpan? limit = null, Func<bool>? givenUp = null)
    {
        var clock = Stopwatch.StartNew();
        while (!await condition())
        {
            if (clock.Elapsed > (limit ?? Limit) || givenUp?.Invoke() == true)
            {
                return false;
            }

            await Task.Delay(Pause);
        }

        return true;
    }
}
