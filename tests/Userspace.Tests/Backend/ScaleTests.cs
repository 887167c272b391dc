using System.Diagnostics;
using Xunit;

namespace ProxyFramework.Userspace.Tests.Backend;

public sealed class ScaleTests
{
    private const int Count = 10_000;

    [Fact]
    public async Task Ten_thousand_listeners_start_within_seconds_in_little_memory_and_answer()
    {
        await using var test = await BackendUnderTest.StartAsync();
        using var server = new TcpServer("a");
        var (first, port) = Services.FreeFrontend();
        var start = 0x7F00_0000u | 250u << 16;
        var services = Enumerable.Range(0, Count)
            .Select(number => Services.Make((InetAddress.FromIPv4(start + (uint)number), port), [server.EndPoint], $"web-{number}"))
            .ToArray();
        var before = GC.GetTotalMemory(true);
        var watch = Stopwatch.StartNew();
        Assert.Empty((await test.ApplyFullAsync(services)).Failures);
        var elapsed = watch.Elapsed;
        var each = (GC.GetTotalMemory(true) - before) / Count;
        TestContext.Current.SendDiagnosticMessage($"{Count} listeners: {elapsed.TotalMilliseconds:F0} ms, {each} bytes each");
        Assert.Equal(Count, test.Backend.ListenerCount);
        Assert.InRange(elapsed.TotalSeconds, 0, 10);
        Assert.InRange(each, 0, 4096);
        foreach (var number in (int[])[0, 1, Count / 2, Count - 1])
        {
            Assert.Equal("a", await TcpClient.AskAsync((InetAddress.FromIPv4(start + (uint)number), port)));
        }

        // One change costs what the change costs.
        watch.Restart();
        for (var change = 0; change < 100; change++)
        {
            await test.ApplyAsync(services[change].With(scheduler: "random"));
        }

        TestContext.Current.SendDiagnosticMessage($"one change: {watch.Elapsed.TotalMicroseconds / 100:F0} µs");
        Assert.InRange(watch.Elapsed.TotalMilliseconds / 100, 0, 50);
        watch.Restart();
        Assert.Empty((await test.ApplyFullAsync(services)).Failures);
        TestContext.Current.SendDiagnosticMessage($"a full change set that changes nothing: {watch.ElapsedMilliseconds} ms");
    }
}
