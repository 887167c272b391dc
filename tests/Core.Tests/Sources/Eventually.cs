using System.Diagnostics;
using Xunit;

namespace ProxyFramework.Core.Tests.Sources;

/// <summary>Waits for conditions.</summary>
internal static class Eventually
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    public static async Task TrueAsync(Func<bool> condition, Func<string>? describe = null)
    {
        var watch = Stopwatch.StartNew();
        while (!condition())
        {
            Assert.True(watch.Elapsed < Limit, $"did not become true: {describe?.Invoke()}");
            await Task.Delay(5);
        }
    }
}
