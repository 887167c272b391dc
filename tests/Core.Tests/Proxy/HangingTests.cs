using ProxyFramework.Core.Sources;
using ProxyFramework.Core.Tests.View;
using Xunit;

namespace ProxyFramework.Core.Tests.Proxy;

/// <summary>Foreign code that does not return never blocks shutdown, and is reported by the health pages and in the log.</summary>
public sealed class HangingTests
{
    private static readonly TimeSpan ShutdownTimeout = new ServiceProxyOptions().ShutdownTimeout;

    /// <summary>What is promised for the whole process.</summary>
    private static readonly TimeSpan Promised = TimeSpan.FromSeconds(5);

    [Theory]
    [InlineData(HangKind.Awaits)]
    [InlineData(HangKind.BlocksItsThread)]
    [InlineData(HangKind.BlocksInItsCancellation)]
    public async Task A_backend_that_hangs_in_its_start_lets_the_host_start_is_reported_and_left_behind_at_shutdown(HangKind kind)
    {
        using var hang = new Hang(kind);
        await using var run = new ProxyRun(new InMemorySource());
        run.Interfaces("192.0.2.1");
        run.Backend.OnStart = hang.RunAsync;

        // The start gives up waiting at the same time as the loop notices the hang, before or after it.
        await run.StartAsync();
        await UntilReported(run, "StartAsync");

        Assert.True(run.State.Sync.IsBackendHung);
        Assert.False(run.Health.Evaluate().IsLive);
        Assert.Contains("the backend has been busy with one call since 2026-01-01 00:0", run.Health.Evaluate().Reason, StringComparison.Ordinal);
        Assert.Single(run.Messages, message => message.StartsWith("Error: ", StringComparison.Ordinal));
        Assert.InRange(await run.StopAsync(), TimeSpan.Zero, Promised);
        Assert.Contains(run.Messages, message => message.Contains("StartAsync did not return within 1.5 s of being cancelled", StringComparison.Ordinal));
        Assert.False(run.Backend.IsDisposed, "calls must not overlap");
    }

    [Theory]
    [InlineData(HangKind.Awaits)]
    [InlineData(HangKind.BlocksItsThread)]
    [InlineData(HangKind.BlocksInItsCancellation)]
    public async Task A_backend_that_hangs_in_a_change_set_is_reported_and_left_behind_at_shutdown(HangKind kind)
    {
        using var hang = new Hang(kind);
        await using var run = new ProxyRun(new InMemorySource());
        run.Backend.OnApply = async (_, token) =>
        {
            await hang.RunAsync(token);
            return SyncResult.Success;
        };
        run.Interfaces("192.0.2.1");
        await run.StartAsync();
        await run.LeapUntil(() => hang.IsReached, "the change set");
        await UntilReported(run, "ApplyAsync");

        Assert.True(run.State.Sync.IsBackendHung);
        Assert.False(run.Health.Evaluate().IsLive);
        Assert.Contains("busy with one call", run.Health.Evaluate().Reason, StringComparison.Ordinal);
        Assert.InRange(await run.StopAsync(), TimeSpan.Zero, Promised);
        Assert.Contains(run.Messages, message => message.Contains("ApplyAsync did not return within 1.5 s", StringComparison.Ordinal));
        Assert.False(run.Backend.IsDisposed, "calls must not overlap");
    }

    [Fact]
    public async Task A_backend_that_returns_after_all_is_healthy_again()
    {
        using var hang = new Hang(HangKind.BlocksItsThread);
        await using var run = new ProxyRun(new InMemorySource());
        run.Backend.OnApply = async (_, token) =>
        {
            await hang.RunAsync(token);
            return SyncResult.Success;
        };
        run.Interfaces("192.0.2.1");
        await run.StartAsync();
        await UntilReported(run, "ApplyAsync");

        hang.LetGo();

        await run.LeapUntil(() => run.Health.Evaluate().IsLive, "health");
        await run.Until(
            () => run.Messages.Any(message => message.Contains("Warning: Backend scripted: ApplyAsync returned after", StringComparison.Ordinal)), "the word of it");
    }

    [Theory]
    [InlineData(HangKind.Awaits)]
    [InlineData(HangKind.BlocksItsThread)]
    public async Task A_backend_that_hangs_in_its_end_is_left_behind(HangKind kind)
    {
        using var hang = new Hang(kind);
        await using var run = new ProxyRun(new InMemorySource());
        run.Backend.OnDispose = () => hang.RunAsync(CancellationToken.None);
        run.Interfaces("192.0.2.1");
        await run.StartAsync();
        await run.Calls(1);

        Assert.InRange(await run.StopAsync(), ShutdownTimeout / 2, Promised);
        Assert.Contains(run.Messages, message => message.Contains("Warning: Backend scripted did not end within 3.0 s at shutdown", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_call_that_takes_its_grace_and_an_end_that_hangs_share_one_limit()
    {
        using var hang = new Hang(HangKind.Awaits);
        await using var run = new ProxyRun(new InMemorySource());
        run.Interfaces("192.0.2.1");
        run.Backend.OnApply = async (_, token) =>
        {
            // Ends, but takes most of its grace for it.
            await Task.Delay(Timeout.InfiniteTimeSpan, run.Time, token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await Task.Delay(TimeSpan.FromSeconds(1), run.Time, CancellationToken.None);
            return SyncResult.Success;
        };
        run.Backend.OnDispose = () => hang.RunAsync(CancellationToken.None);
        await run.StartAsync();
        await run.LeapUntil(() => run.Backend.Running == 1, "the change set");

        Assert.InRange(await run.StopAsync(), TimeSpan.Zero, Promised);
        Assert.True(hang.IsReached, "the backend is ended once its call has returned");
    }

    [Theory]
    [InlineData(HangKind.Awaits)]
    [InlineData(HangKind.BlocksItsThread)]
    [InlineData(HangKind.BlocksInItsCancellation)]
    public async Task A_source_that_hangs_is_left_behind_and_the_backend_is_ended(HangKind kind)
    {
        using var hang = new Hang(kind);
        await using var run = new ProxyRun(new HangingSource(hang), new InMemorySource());
        await run.StartAsync();
        await run.Until(() => hang.IsReached, "the source");

        Assert.InRange(await run.StopAsync(), TimeSpan.Zero, Promised);
        Assert.Contains(run.Messages, message => message.Contains("Source hanging did not end within 1.5 s", StringComparison.Ordinal));
        Assert.True(run.Backend.IsDisposed);
    }

    [Fact]
    public async Task An_end_without_hindrance_takes_no_time_and_changes_nothing_in_force()
    {
        var source = new InMemorySource();
        source.Upsert(Scene.MakeService("web"));
        await using var run = new ProxyRun(source);
        run.Interfaces("192.0.2.1");
        await run.StartAsync();
        await run.Calls(1);
        var inForce = run.Backend.InForce;

        Assert.InRange(await run.StopAsync(), TimeSpan.Zero, ShutdownTimeout / 2);
        Assert.True(run.Backend.IsDisposed);
        Assert.Single(run.Backend.Calls);
        Assert.Equal(inForce, run.Backend.InForce);
    }

    private static Task UntilReported(ProxyRun run, string operation) => run.LeapUntil(
        () => run.Messages.Any(message => message.Contains($"Error: Backend scripted hangs: {operation} has not returned for 120.0 s", StringComparison.Ordinal)),
        "the word of the hang");

    private sealed class HangingSource(Hang hang) : IServiceSource
    {
        public string Name => "hanging";

        public Task RunAsync(ISourceSink sink, CancellationToken cancellationToken) => hang.RunAsync(cancellationToken).AsTask();
    }
}
