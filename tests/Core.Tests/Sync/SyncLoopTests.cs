using System.Collections.Concurrent;
using ProxyFramework.Core.Sync;
using ProxyFramework.Core.View;
using Xunit;
using static ProxyFramework.Core.Tests.Sync.Ports;

namespace ProxyFramework.Core.Tests.Sync;

public class SyncLoopTests
{
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(1);

    [Fact]
    public async Task Nothing_is_handed_over_before_the_first_post_and_then_everything_is()
    {
        await using var run = new LoopRun();
        await run.Loop.Started;
        run.Loop.RequestFullSync("test");
        await LoopRun.Settle();
        Assert.Empty(run.Backend.Calls);

        run.Loop.Post(Changes(Port("a"), Port("b")));
        await run.Calls(1);
        Assert.True(run.Backend.Calls[0].IsFull);
        Assert.Equal(["a", "b"], Names(run.Backend.Calls[0].Changes));
        Assert.True(run.Loop.Status.HasSynced);
        Assert.Null(run.Loop.Status.OldestPending);
    }

    [Fact]
    public async Task An_empty_first_post_leads_to_a_full_change_set_too()
    {
        await using var run = new LoopRun();
        run.Loop.Post(NodeViewChanges.Empty);
        await run.Calls(1);
        Assert.True(run.Backend.Calls[0].IsFull);
        Assert.Empty(run.Backend.Calls[0].Changes);
    }

    [Fact]
    public async Task A_change_after_a_quiet_time_goes_out_at_once()
    {
        await using var run = await Synced(new SyncLoopOptions { MinSyncPeriod = TimeSpan.FromSeconds(5) }, Port("a"));
        run.Time.Advance(TimeSpan.FromSeconds(5));
        run.Loop.Post(Changes(Port("a", 2)));
        await run.Calls(2);
        var call = run.Backend.Calls[1];
        Assert.False(call.IsFull);
        Assert.Equal([new ServicePortChange(Port("a"), Port("a", 2))], call.Changes);
    }

    [Fact]
    public async Task A_burst_is_batched_at_the_minimum_interval_and_coalesced()
    {
        await using var run = await Synced(new SyncLoopOptions { MinSyncPeriod = TimeSpan.FromMilliseconds(100) }, Port("a"), Port("b"));
        for (var version = 2; version < 20; version++)
        {
            run.Loop.Post(Changes(Port("a", version)));
        }

        run.Loop.Post(Removal("b"));
        await LoopRun.Settle();
        Assert.Single(run.Backend.Calls);
        var moved = await run.AdvanceUntil(() => run.Backend.Calls.Length > 1, TimeSpan.FromMilliseconds(10), "the batch");
        Assert.Equal(TimeSpan.FromMilliseconds(100), moved);
        Assert.Equal(
            [new ServicePortChange(Port("b"), null), new ServicePortChange(Port("a"), Port("a", 19))], run.Backend.Calls[1].Changes);
    }

    [Fact]
    public async Task Changes_that_cancel_out_cost_nothing()
    {
        await using var run = await Synced(new SyncLoopOptions { MinSyncPeriod = TimeSpan.FromMilliseconds(100) }, Port("a"));
        run.Loop.Post(Changes(Port("a", 2), Port("new")));
        run.Loop.Post(Changes(Port("a")));
        run.Loop.Post(Removal("new"));
        await LoopRun.Settle();
        Assert.Null(run.Loop.Status.OldestPending);
        run.Time.Advance(TimeSpan.FromSeconds(1));
        await LoopRun.Settle();
        Assert.Single(run.Backend.Calls);
    }

    [Fact]
    public async Task A_slow_backend_gets_a_rest_as_long_as_its_work_but_not_longer_than_the_maximum_delay()
    {
        var release = new SemaphoreSlim(0);
        await using var run = new LoopRun(
            new SyncLoopOptions { MaxSyncDelay = TimeSpan.FromSeconds(1) },
            backend => backend.OnApply = async (_, token) =>
            {
                await release.WaitAsync(token);
                return SyncResult.Success;
            });
        run.Loop.Post(Changes(Port("a")));
        await LoopRun.Until(() => run.Backend.Running == 1, "the first call");
        run.Time.Advance(TimeSpan.FromSeconds(10));
        run.Loop.Post(Changes(Port("a", 2)));
        release.Release();
        await run.Calls(1);
        await LoopRun.Settle();
        Assert.Single(run.Backend.Calls);
        Assert.Equal(TimeSpan.FromSeconds(1), await run.AdvanceUntil(() => run.Backend.Calls.Length > 1, TimeSpan.FromMilliseconds(100), "the second call"));
        release.Release();
    }

    [Fact]
    public async Task A_change_of_the_node_alone_is_a_change_set_that_tells_both()
    {
        await using var run = await Synced(null, Port("a"));
        var node = new NodeState { Name = "n" };
        run.Time.Advance(TimeSpan.FromSeconds(1));
        run.Loop.Post(new NodeViewChanges { Node = node });
        await run.Calls(2);
        Assert.Empty(run.Backend.Calls[1].Changes);
        Assert.Equal(NodeState.Unknown, run.Backend.Calls[1].PreviousNode);
        Assert.Equal(node, run.Backend.Calls[1].Node);
    }

    [Fact]
    public async Task A_failing_service_port_is_tried_again_from_one_second_to_thirty_and_holds_up_no_other()
    {
        await using var run = new LoopRun(script: backend => backend.OnApply = Refuse("bad"));
        run.Loop.Post(Changes(Port("bad"), Port("good")));
        await run.Calls(1);
        Assert.Equal("bad", Assert.Single(run.Loop.Status.Failures).Key.Service.Name);
        Assert.Null(run.Loop.Status.OldestPending);

        double[] expected = [1, 2, 4, 8, 16, 30, 30];
        foreach (var seconds in expected)
        {
            var calls = run.Backend.Calls.Length;
            var waited = await run.AdvanceUntil(() => run.Backend.Calls.Length > calls, TimeSpan.FromSeconds(seconds / 50), "the retry");
            Assert.InRange(waited.TotalSeconds, seconds * 0.88, seconds * 1.14);
            await run.Calls(calls + 1);
            Assert.Equal(["bad"], Names(run.Backend.Calls[^1].Changes));
        }

        run.Time.Advance(TimeSpan.FromMilliseconds(20));
        var before = run.Backend.Calls.Length;
        run.Loop.Post(Changes(Port("good", 2)));
        await run.Calls(before + 1);
        Assert.Equal(["good"], Names(run.Backend.Calls[^1].Changes));
        Assert.Single(run.Messages, message => message.Contains("default/bad", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_new_change_of_a_failing_service_port_goes_out_at_once_and_its_recovery_is_told()
    {
        await using var run = new LoopRun(script: backend => backend.OnApply = Refuse("bad"));
        run.Loop.Post(Changes(Port("bad")));
        await run.Calls(1);
        run.Time.Advance(TimeSpan.FromMilliseconds(20));
        run.Backend.OnApply = (_, _) => new(SyncResult.Success);
        run.Loop.Post(Changes(Port("bad", 2)));
        await run.Calls(2);
        Assert.Empty(run.Loop.Status.Failures);
        Assert.Contains(run.Messages, message => message.Contains("no longer failing", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_change_back_to_what_was_in_force_is_still_handed_over_after_a_failure()
    {
        await using var run = await Synced(null, Port("a"));
        run.Backend.OnApply = Refuse("a");
        run.Time.Advance(TimeSpan.FromSeconds(1));
        run.Loop.Post(Changes(Port("a", 2)));
        await run.Calls(2);
        run.Time.Advance(TimeSpan.FromMilliseconds(20));
        run.Backend.OnApply = (_, _) => new(SyncResult.Success);
        run.Loop.Post(Changes(Port("a")));
        await run.Calls(3);
        Assert.Equal([new ServicePortChange(Port("a"), Port("a"))], run.Backend.Calls[2].Changes);
    }

    [Fact]
    public async Task A_failure_of_the_whole_is_followed_by_a_full_change_set_after_a_growing_delay()
    {
        await using var run = await Synced(null, Port("a"));
        run.Backend.OnApply = (_, _) => throw new BackendException("the kernel says no");
        run.Time.Advance(TimeSpan.FromSeconds(1));
        run.Loop.Post(Changes(Port("a", 2)));
        await run.Calls(2);
        await LoopRun.Until(() => run.Loop.Status.LastError is not null, "the error is told");
        Assert.Equal("the kernel says no", run.Loop.Status.LastError);
        Assert.NotNull(run.Loop.Status.OldestPending);

        foreach (var seconds in new[] { 1.0, 2.0, 4.0 })
        {
            var calls = run.Backend.Calls.Length;
            run.Loop.Post(Changes(Port("a", 3)));
            var waited = await run.AdvanceUntil(() => run.Backend.Calls.Length > calls, TimeSpan.FromSeconds(seconds / 50), "the retry");
            Assert.InRange(waited.TotalSeconds, seconds * 0.88, seconds * 1.14);
            Assert.True(run.Backend.Calls[^1].IsFull);
        }

        run.Backend.OnApply = (_, _) => new(SyncResult.Success);
        await run.AdvanceUntil(() => run.Loop.Status.LastError is null, TimeSpan.FromMilliseconds(500), "recovery");
        Assert.Equal(Port("a", 3), run.Backend.InForce[Key("a")]);
        Assert.Single(run.Messages, message => message.Contains("the kernel says no", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Drift_is_answered_with_a_full_change_set_at_once_and_a_fight_is_not_joined()
    {
        await using var run = await Synced(null, Port("a"));
        run.Time.Advance(TimeSpan.FromSeconds(5));
        run.Backend.Context!.ReportDrift(new DriftReport("someone flushed the table"));
        await run.Calls(2);
        Assert.True(run.Backend.Calls[1].IsFull);
        for (var i = 0; i < 100; i++)
        {
            run.Backend.Context!.ReportDrift(new DriftReport("again"));
        }

        var waited = await run.AdvanceUntil(() => run.Backend.Calls.Length > 2, TimeSpan.FromMilliseconds(100), "the second repair");
        Assert.Equal(TimeSpan.FromSeconds(1), waited);
        Assert.Equal(3, run.Backend.Calls.Length);
    }

    [Fact]
    public async Task Everything_is_handed_over_at_the_sync_period_and_nothing_in_between()
    {
        await using var run = await Synced(new SyncLoopOptions { SyncPeriod = TimeSpan.FromMinutes(10) }, Port("a"));
        Assert.Equal(TimeSpan.FromMinutes(10), await run.AdvanceUntil(() => run.Backend.Calls.Length > 1, TimeSpan.FromSeconds(30), "the full one"));
        Assert.True(run.Backend.Calls[1].IsFull);
    }

    [Fact]
    public async Task A_notice_is_logged_once_and_not_with_each_change_set()
    {
        var notice = new SyncResult { Notices = [new ServicePortNotice(Key("a"), "scheduler lc replaced by rr")] };
        await using var run = new LoopRun(script: backend => backend.OnApply = (_, _) => new(notice));
        for (var version = 1; version < 5; version++)
        {
            run.Loop.Post(Changes(Port("a", version)));
            await run.Calls(version);
            run.Time.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.Single(run.Messages, message => message.Contains("scheduler lc replaced by rr", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_hung_call_is_cancelled_named_once_and_never_joined_by_a_second_one()
    {
        var release = new TaskCompletionSource<SyncResult>();
        var cancelled = false;
        await using var run = new LoopRun(
            new SyncLoopOptions { BackendTimeout = TimeSpan.FromSeconds(30) },
            backend => backend.OnApply = (_, token) =>
            {
                token.Register(() => cancelled = true);
                return new(release.Task);
            });
        run.Loop.Post(Changes(Port("a")));
        await LoopRun.Until(() => run.Backend.Running == 1, "the call");
        run.Time.Advance(TimeSpan.FromSeconds(29));
        Assert.False(run.Loop.Status.IsBackendHung);
        run.Time.Advance(TimeSpan.FromSeconds(1));
        Assert.True(run.Loop.Status.IsBackendHung);
        await LoopRun.Until(() => cancelled, "cancellation");
        for (var i = 0; i < 10; i++)
        {
            run.Loop.Post(Changes(Port("a", i + 2)));
            run.Time.Advance(TimeSpan.FromMinutes(5));
        }

        Assert.Equal(1, run.Backend.MostAtOnce);
        Assert.Single(run.Messages, message => message.Contains("ApplyAsync has not returned for 30.0 s", StringComparison.Ordinal));
        release.SetResult(SyncResult.Success);
        run.Backend.OnApply = (_, _) => new(SyncResult.Success);
        await run.AdvanceUntil(() => run.Backend.InForce.GetValueOrDefault(Key("a"))?.Equals(Port("a", 11)) == true, Step * 100, "it goes on");
        Assert.False(run.Loop.Status.IsBackendHung);
        Assert.Equal(1, run.Backend.MostAtOnce);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_call_that_never_returns_does_not_block_shutdown_not_even_one_that_blocks_its_thread(bool blocksThread)
    {
        using var never = new ManualResetEventSlim();
        await using var run = new LoopRun(script: backend => backend.OnApply = async (_, _) =>
        {
            if (blocksThread)
            {
                never.Wait(CancellationToken.None);
            }

            await Task.Run(never.Wait, CancellationToken.None);
            return SyncResult.Success;
        });
        run.Loop.Post(Changes(Port("a")));
        await LoopRun.Until(() => run.Backend.Running == 1, "the call");
        await run.Cancel();
        var waited = await run.AdvanceUntil(() => run.Ended.IsCompleted, TimeSpan.FromMilliseconds(500), "the end");
        Assert.InRange(waited, TimeSpan.Zero, TimeSpan.FromSeconds(3));
        Assert.True(run.Loop.HasAbandonedCall);
        never.Set();
    }

    [Fact]
    public async Task A_backend_that_cannot_start_ends_the_loop_with_its_own_exception()
    {
        await using var run = new LoopRun(script: backend => backend.OnStart = _ => throw new BackendException("no such device"));
        var error = await Assert.ThrowsAsync<BackendException>(() => run.Ended);
        Assert.Equal("no such device", error.Message);
        await Assert.ThrowsAsync<BackendException>(() => run.Loop.Started);
    }

    [Fact]
    public async Task Programming_latency_is_told_for_what_changed_after_the_first_load_and_includes_retries()
    {
        var observer = new LatencyObserver();
        await using var run = new LoopRun(observers: observer);
        run.Loop.Post(Changes(Port("a", 1, run.Time.GetUtcNow())));
        await run.Calls(1);
        Assert.Empty(observer.Latencies);

        run.Time.Advance(TimeSpan.FromSeconds(1));
        run.Backend.OnApply = Refuse("a");
        run.Loop.Post(Changes(Port("a", 2, run.Time.GetUtcNow())));
        await run.Calls(2);
        run.Backend.OnApply = (_, _) => new(SyncResult.Success);
        await run.AdvanceUntil(() => run.Backend.Calls.Length > 2, TimeSpan.FromMilliseconds(100), "the retry");
        await run.Calls(3);
        Assert.InRange(Assert.Single(observer.Latencies), TimeSpan.FromSeconds(0.9), TimeSpan.FromSeconds(1.3));
    }

    private static Func<ServiceChangeSet, CancellationToken, ValueTask<SyncResult>> Refuse(string name) => (changes, _) => new(new SyncResult
    {
        Failures = [.. changes.Changes.Where(change => change.Key == Key(name)).Select(change => new ServicePortFailure(change.Key, "refused"))],
    });

    private static async Task<LoopRun> Synced(SyncLoopOptions? options, params ServicePort[] ports)
    {
        var run = new LoopRun(options);
        run.Loop.Post(Changes(ports));
        await run.Calls(1);
        return run;
    }

    private sealed class LatencyObserver : ISyncObserver
    {
        public ConcurrentQueue<TimeSpan> Latencies { get; } = new();

        public void ServicePortProgrammed(ServicePortKey key, TimeSpan latency) => Latencies.Enqueue(latency);
    }
}
