using System.Collections.Concurrent;
using System.Reflection;
using Microsoft.Extensions.Time.Testing;
using ProxyFramework.Core.Localhost;
using ProxyFramework.Core.Sync;
using ProxyFramework.Core.Tests.Sync;
using ProxyFramework.Core.View;
using Xunit;
using static ProxyFramework.Core.Tests.Sync.Ports;

namespace ProxyFramework.Core.Tests.Localhost;

/// <summary>A chosen backend and one for node ports on localhost, as one backend under a real sync loop.</summary>
public class LocalhostNodePortTests
{
    private static readonly NodeState Asked = Pair.Node("127.0.0.1", "192.0.2.1", "::1");
    private static readonly NodeState NotAsked = Pair.Node("192.0.2.1");

    [Fact]
    public async Task Each_of_the_two_is_given_its_part()
    {
        var (run, pair) = Pair.Start();
        await using var _ = run;
        run.Loop.Post(On(Asked, Port("a"), Pair.WithNodePort("b")));
        await FirstSync(run);
        Assert.Equal(["192.0.2.1"], run.Backend.Calls[0].Node.NodePortAddresses.Select(address => address.ToString()));
        Assert.Equal(["a", "b"], Names(run.Backend.Calls[0].Changes));
        Assert.Equal(Pair.WithNodePort("b"), run.Backend.InForce[Key("b")]);

        var call = Assert.Single(pair.Companion.Calls);
        Assert.True(call.IsFull);
        Assert.Equal(["127.0.0.1", "::1"], call.Node.NodePortAddresses.Select(address => address.ToString()));
        Assert.Equal(Asked.InterfaceAddresses, call.Node.InterfaceAddresses);
        Assert.Equal(["b"], Names(call.Changes));
        Assert.Equal([FrontendKind.NodePort], pair.Companion.InForce[Key("b")].Frontends.Select(frontend => frontend.Kind));
        Assert.Equal("7", pair.Companion.Context!.Settings["retries"]);
        Assert.Empty(run.Loop.Status.Failures);
    }

    [Fact]
    public async Task What_is_not_the_companions_is_not_brought_to_it()
    {
        var (run, pair) = await Synced(Asked, Port("a"), Pair.WithNodePort("b"));
        await using var _ = run;
        await Post(run, Changes(Port("a", 2)));
        await Post(run, On(Pair.Node("127.0.0.1", "192.0.2.9", "::1")));
        Assert.Single(pair.Companion.Calls);
        Assert.Equal(3, run.Backend.Calls.Length);
    }

    [Fact]
    public async Task Without_the_operators_wish_the_companion_is_not_even_asked_and_with_it_has_everything_at_once()
    {
        var probes = 0;
        var (run, pair) = Pair.Start(companion => companion.OnProbe = () =>
        {
            probes++;
            return new(BackendSupport.Supported(1));
        });
        await using var _ = run;
        run.Loop.Post(On(NotAsked, Port("a"), Pair.WithNodePort("b")));
        await FirstSync(run);
        Assert.Equal(0, probes);
        Assert.Null(pair.Companion.Context);

        run.Time.Advance(TimeSpan.FromSeconds(1));
        run.Loop.Post(On(Asked));
        await LoopRun.Until(() => pair.Companion.InForce.ContainsKey(Key("b")), "the companion has it");
        Assert.Equal(1, probes);
        Assert.Single(run.Backend.Calls);

        run.Time.Advance(TimeSpan.FromSeconds(1));
        run.Loop.Post(On(NotAsked));
        await LoopRun.Until(() => pair.Companion.Calls.Length == 2, "the companion hears of it");
        Assert.Empty(pair.Companion.Calls[1].Node.NodePortAddresses);
        Assert.Single(run.Backend.Calls);
    }

    [Fact]
    public async Task A_companion_that_throws_fails_only_its_part_which_the_loop_tries_again_without_bothering_the_chosen_one()
    {
        var (run, pair) = await Synced(Asked, Port("a"), Pair.WithNodePort("b"), Pair.WithNodePort("c"));
        await using var _ = run;
        pair.Companion.OnApply = (_, _) => throw new BackendException("no sockets today");
        await Post(run, Changes(Port("a", 2), Pair.WithNodePort("b", 2)));
        Assert.Equal(Port("a", 2), run.Backend.InForce[Key("a")]);
        Assert.Equal(Pair.WithNodePort("b", 2), run.Backend.InForce[Key("b")]);
        var failure = Assert.Single(run.Loop.Status.Failures);
        Assert.Equal(new ServicePortFailure(Key("b"), "node port on localhost (mode userspace): no sockets today"), failure);
        Assert.Null(run.Loop.Status.LastError);

        // Others go on, and do not bring the companion to try before its time.
        await Post(run, Changes(Port("a", 3)));
        Assert.Equal(Port("a", 3), run.Backend.InForce[Key("a")]);
        Assert.Equal(2, pair.Companion.Calls.Length);

        pair.Companion.OnApply = (_, _) => new(SyncResult.Success);
        var calls = run.Backend.Calls.Length;
        await run.AdvanceUntil(() => run.Loop.Status.Failures.IsEmpty, TimeSpan.FromMilliseconds(100), "recovery");
        Assert.True(pair.Companion.Calls[^1].IsFull);
        Assert.Equal(LocalhostNodePorts.Of(Pair.WithNodePort("b", 2)), pair.Companion.InForce[Key("b")]);
        Assert.Equal(calls, run.Backend.Calls.Length);

        // And the chosen one's next change starts from what it has, not from what the loop thought failed.
        await Post(run, Changes(Pair.WithNodePort("b", 3)));
        Assert.Equal([new ServicePortChange(Pair.WithNodePort("b", 2), Pair.WithNodePort("b", 3))], run.Backend.Calls[^1].Changes);
    }

    [Fact]
    public async Task A_companion_that_hangs_holds_up_a_sync_for_a_second_once_and_catches_up_when_it_returns()
    {
        var release = new TaskCompletionSource();
        var (run, pair) = await Synced(Asked, Port("a"), Pair.WithNodePort("b"));
        await using var _ = run;
        pair.Companion.OnApply = async (_, _) =>
        {
            await release.Task;
            return SyncResult.Success;
        };
        run.Time.Advance(TimeSpan.FromSeconds(5));
        run.Loop.Post(Changes(Pair.WithNodePort("b", 2)));
        await LoopRun.Until(() => pair.Companion.Running == 1, "the companion hangs");
        Assert.Equal(Pair.WithNodePort("b", 2), run.Backend.InForce[Key("b")]);
        var held = await run.AdvanceUntil(() => run.Loop.Status.Failures.Length == 1, TimeSpan.FromMilliseconds(100), "the failure is told");
        Assert.InRange(held, TimeSpan.FromSeconds(0.9), TimeSpan.FromSeconds(1.2));
        Assert.Equal("node port on localhost (mode userspace): it has not finished within 1 s", run.Loop.Status.Failures[0].Reason);

        // From now on nothing waits for it.
        run.Time.Advance(TimeSpan.FromSeconds(1));
        for (var version = 3; version < 6; version++)
        {
            await Post(run, Changes(Port("a", version), Pair.WithNodePort("b", version), Pair.WithNodePort("d", version)));
            Assert.Equal(Port("a", version), run.Backend.InForce[Key("a")]);
            Assert.Equal(["b", "d"], run.Loop.Status.Failures.Select(failure => failure.Key.Service.Name));
            Assert.EndsWith("still busy with an earlier change", run.Loop.Status.Failures[0].Reason, StringComparison.Ordinal);
        }

        Assert.Equal(1, pair.Companion.Running);
        Assert.Equal(1, pair.Companion.MostAtOnce);
        release.SetResult();
        await run.AdvanceUntil(() => run.Loop.Status.Failures.IsEmpty, TimeSpan.FromMilliseconds(100), "recovery");
        Assert.Equal(LocalhostNodePorts.Of(Pair.WithNodePort("b", 5)), pair.Companion.InForce[Key("b")]);
        Assert.Equal(LocalhostNodePorts.Of(Pair.WithNodePort("d", 5)), pair.Companion.InForce[Key("d")]);
    }

    [Fact]
    public async Task A_hung_call_of_the_companion_is_cancelled_after_the_backend_timeout_and_all_is_tried_again()
    {
        var (run, pair) = Pair.Start(options: new SyncLoopOptions { BackendTimeout = TimeSpan.FromSeconds(20) });
        await using var _ = run;
        var hangs = true;
        pair.Companion.OnApply = async (_, token) =>
        {
            await Task.Delay(hangs ? Timeout.Infinite : 0, token);
            return SyncResult.Success;
        };
        run.Loop.Post(On(Asked, Pair.WithNodePort("b")));
        await run.AdvanceUntil(() => pair.Messages.Any(message => message.Contains("hangs", StringComparison.Ordinal)), TimeSpan.FromSeconds(1), "the hang is told");
        hangs = false;
        await run.AdvanceUntil(() => run.Loop.Status is { HasSynced: true, Failures.IsEmpty: true }, TimeSpan.FromMilliseconds(500), "recovery");
        Assert.True(pair.Companion.InForce.ContainsKey(Key("b")));
    }

    [Fact]
    public async Task A_failure_says_which_part_it_is_of()
    {
        var (run, pair) = await Synced(Asked, Port("a"), Pair.WithNodePort("b"), Pair.WithNodePort("c"));
        await using var _ = run;
        run.Backend.OnApply = Refuse("kernel", "a", "b", "c");
        pair.Companion.OnApply = Refuse("port taken", "c", "d");
        await Post(run, Changes(Port("a", 2), Pair.WithNodePort("b", 2), Pair.WithNodePort("c", 2), Pair.WithNodePort("d", 2)));
        Assert.Equal(
            [
                "kernel",
                "all but its node port on localhost (mode scripted): kernel",
                "all but its node port on localhost (mode scripted): kernel; node port on localhost (mode userspace): port taken",
                "node port on localhost (mode userspace): port taken",
            ],
            run.Loop.Status.Failures.Select(failure => failure.Reason));
    }

    [Fact]
    public async Task Node_ports_on_localhost_follow_while_the_chosen_one_fails_as_a_whole()
    {
        var (run, pair) = await Synced(Asked, Pair.WithNodePort("b"));
        await using var _ = run;
        run.Backend.OnApply = (_, _) => throw new BackendException("the kernel says no");
        run.Time.Advance(TimeSpan.FromSeconds(1));
        run.Loop.Post(Changes(Pair.WithNodePort("b", 2)));
        await LoopRun.Until(() => run.Loop.Status.LastError == "the kernel says no", "the error is told");
        Assert.Equal(LocalhostNodePorts.Of(Pair.WithNodePort("b", 2)), pair.Companion.InForce[Key("b")]);
    }

    [Theory]
    [InlineData("probe", "node port on localhost (mode userspace): not served: mode userspace cannot run here; missing: sockets")]
    [InlineData("start", "node port on localhost (mode userspace): not served: mode userspace cannot start: no memory")]
    [InlineData("none", "node port on localhost: not served: there is no mode 'userspace'")]
    public async Task A_companion_that_cannot_run_is_a_notice_and_everything_else_goes_on(string why, string notice)
    {
        Pair? pair = null;
        var observer = new NoticeObserver();
        await using var run = new LoopRun(
            null,
            null,
            (chosen, time) =>
            {
                pair = new Pair(time);
                switch (why)
                {
                    case "probe":
                        pair.Companion.OnProbe = () => new(BackendSupport.NotSupported("sockets"));
                        break;
                    case "start":
                        pair.Companion.OnStart = _ => throw new BackendException("no memory");
                        break;
                    default:
                        return pair.ComposeWithout(chosen, "there is no mode 'userspace'");
                }

                return pair.Compose(chosen);
            },
            observer);
        run.Loop.Post(On(Asked, Port("a"), Pair.WithNodePort("b")));
        await FirstSync(run);
        await Post(run, Changes(Port("a", 2), Pair.WithNodePort("b", 2)));
        Assert.Equal(Pair.WithNodePort("b", 2), run.Backend.InForce[Key("b")]);
        Assert.Empty(run.Loop.Status.Failures);
        await LoopRun.Until(() => observer.Notices.Count == 2, "the notices are told");
        Assert.Equal([new ServicePortNotice(Key("b"), notice), new ServicePortNotice(Key("b"), notice)], observer.Notices);
        Assert.Single(pair!.Messages, message => message.StartsWith("Node ports on localhost are not served: mode scripted cannot, and ", StringComparison.Ordinal));
        Assert.Empty(pair.Companion.Calls);
    }

    [Fact]
    public async Task Drift_at_the_companion_brings_a_full_change_set_to_both()
    {
        var (run, pair) = await Synced(Asked, Port("a"), Pair.WithNodePort("b"));
        await using var _ = run;
        run.Time.Advance(TimeSpan.FromSeconds(5));
        pair.Companion.Context!.ReportDrift(new DriftReport("someone took a socket"));
        await run.Calls(2);
        Assert.True(run.Backend.Calls[1].IsFull);
        Assert.True(pair.Companion.Calls[1].IsFull);
        Assert.Contains(run.Messages, message => message.Contains("mode userspace, for node ports on localhost: someone took a socket", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Both_end_and_clean_up_also_where_the_other_fails()
    {
        var time = new FakeTimeProvider();
        var chosen = new ScriptedBackend { Time = time, OnDispose = () => throw new BackendException("end"), OnCleanup = () => throw new BackendException("clean") };
        var pair = new Pair(time);
        var cleaned = 0;
        pair.Companion.OnCleanup = () =>
        {
            cleaned++;
            return ValueTask.CompletedTask;
        };
        var composition = pair.Compose(chosen);
        await Assert.ThrowsAsync<BackendException>(() => composition.CleanupAsync(Pair.Context(time), CancellationToken.None).AsTask());
        Assert.Equal(1, cleaned);
        Assert.Equal("7", pair.Companion.Context!.Settings["retries"]);

        pair.Companion.OnDispose = () => throw new InvalidOperationException("companion");
        await composition.StartAsync(Pair.Context(time), CancellationToken.None);
        _ = await composition.ApplyAsync(Everything(), CancellationToken.None);
        var error = await Assert.ThrowsAsync<BackendException>(() => composition.DisposeAsync().AsTask());
        Assert.Equal("end", error.Message);
        Assert.True(chosen.IsDisposed);
        Assert.True(pair.Companion.IsDisposed);
        Assert.Contains(pair.Messages, message => message.Contains("failed to end properly", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_companion_that_still_hangs_at_the_end_is_left_behind_after_the_shutdown_grace()
    {
        var time = new FakeTimeProvider();
        var chosen = new ScriptedBackend { Time = time };
        var pair = new Pair(time);
        pair.Companion.OnApply = async (_, _) =>
        {
            await new TaskCompletionSource().Task;
            return SyncResult.Success;
        };
        var composition = pair.Compose(chosen, new SyncLoopOptions { ShutdownGrace = TimeSpan.FromSeconds(3) });
        await composition.StartAsync(Pair.Context(time), CancellationToken.None);
        var apply = composition.ApplyAsync(Everything(), CancellationToken.None).AsTask();
        await LoopRun.AdvanceUntil(time, () => apply.IsCompleted, TimeSpan.FromMilliseconds(100), "the wait ends");
        var end = composition.DisposeAsync().AsTask();
        await LoopRun.Until(() => chosen.IsDisposed, "the chosen one ends at once");
        var waited = await LoopRun.AdvanceUntil(time, () => end.IsCompleted, TimeSpan.FromMilliseconds(100), "the end");
        Assert.InRange(waited, TimeSpan.FromSeconds(2.8), TimeSpan.FromSeconds(3.5));
        await end;
        Assert.False(pair.Companion.IsDisposed);
    }

    [Fact]
    public void The_companions_part_keeps_every_field_of_a_service_port_but_its_other_frontends()
    {
        var whole = Pair.WithNodePort("b", local: true);
        var full = new ServicePort
        {
            Key = whole.Key,
            Frontends = whole.Frontends,
            Cluster = whole.Cluster,
            Local = whole.Local,
            Draining = [new Endpoint(InetAddress.Parse("10.0.0.9"), 9)],
            AffinityTimeoutSeconds = 10,
            Scheduler = "lc",
            Options = new Dictionary<string, string> { ["retries"] = "3" },
            LastChangeTriggerTime = DateTimeOffset.UnixEpoch,
        };
        var part = LocalhostNodePorts.Of(full)!;
        foreach (var field in typeof(ServicePort).GetProperties(BindingFlags.Public | BindingFlags.Instance))
        {
            if (field.Name != nameof(ServicePort.Frontends))
            {
                Assert.Equal(field.GetValue(full), field.GetValue(part));
                Assert.False(field.CanWrite && Equals(field.GetValue(full), field.GetValue(Port("z", 7))), $"{field.Name} is set here, so that its loss is noticed");
            }
        }

        Assert.Equal([full.Frontends[^1]], part.Frontends);
        Assert.Null(LocalhostNodePorts.Of(Port("a")));
    }

    [Fact]
    public void A_group_that_only_other_frontends_use_is_no_part_of_it()
    {
        var whole = Pair.WithNodePort("b");
        var withInternalLocal = new ServicePort
        {
            Key = whole.Key,
            Frontends =
            [
                whole.Frontends[0] with { Outside = new Route(TrafficPolicy.Local, false), LocalPod = new Route(TrafficPolicy.Local, false), Node = new Route(TrafficPolicy.Local, false) },
                whole.Frontends[1],
            ],
            Cluster = whole.Cluster,
            Local = EndpointGroup.Drop,
        };
        var part = LocalhostNodePorts.Of(withInternalLocal)!;
        Assert.Same(withInternalLocal.Cluster, part.Cluster);
        Assert.Same(part.Cluster, part.Local);
    }

    private static NodeViewChanges On(NodeState node, params ServicePort[] ports) => new() { ServicePorts = Changes(ports).ServicePorts, Node = node };

    private static ServiceChangeSet Everything(params ServicePort[] ports) => new()
    {
        IsFull = true,
        Changes = [.. ports.Select(port => new ServicePortChange(null, port))],
        State = ports.ToDictionary(port => port.Key),
        Node = Asked,
        PreviousNode = Asked,
    };

    private static async Task<(LoopRun Run, Pair Pair)> Synced(NodeState node, params ServicePort[] ports)
    {
        var (run, pair) = Pair.Start();
        run.Loop.Post(On(node, ports));
        await FirstSync(run);
        Assert.Single(pair.Companion.Calls);
        return (run, pair);
    }

    /// <summary>Posts a change and waits until the loop knows what became of it.</summary>
    private static async Task Post(LoopRun run, NodeViewChanges changes)
    {
        var calls = run.Backend.Calls.Length;
        run.Loop.Post(changes);
        await run.AdvanceUntil(
            () => run.Backend.Calls.Length > calls && run.Loop.Status is { BusySince: null } status && status.LastSynced >= run.Backend.Calls[^1].At,
            TimeSpan.FromMilliseconds(20),
            "the change is handed over");
    }

    /// <summary>Waits for the first change set, and until the loop knows what became of it: the clock may be moved from then on.</summary>
    private static Task FirstSync(LoopRun run) => LoopRun.Until(() => run.Loop.Status.HasSynced, "the first change set");

    private static Func<ServiceChangeSet, CancellationToken, ValueTask<SyncResult>> Refuse(string reason, params string[] names) => (changes, _) => new(new SyncResult
    {
        Failures = [.. changes.Changes.Where(change => names.Contains(change.Key.Service.Name)).Select(change => new ServicePortFailure(change.Key, reason))],
    });

    private sealed class NoticeObserver : ISyncObserver
    {
        public ConcurrentQueue<ServicePortNotice> Notices { get; } = [];

        public void Synced(ServiceChangeSet changes, SyncResult result, TimeSpan duration)
        {
            foreach (var notice in result.Notices)
            {
                Notices.Enqueue(notice);
            }
        }
    }
}
