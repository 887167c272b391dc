using ProxyFramework.Core.Objects;
using ProxyFramework.Core.Sources;
using ProxyFramework.Core.Tests.Sync;
using ProxyFramework.Core.Tests.View;
using Xunit;

namespace ProxyFramework.Core.Tests.Proxy;

/// <summary>From sources to backend: what reaches it, when, and what prevents a start.</summary>
public sealed class ServiceProxyTests
{
    [Fact]
    public async Task Nothing_reaches_the_backend_before_every_source_is_complete()
    {
        var ready = With("web");
        var late = With("api", isComplete: false);
        await using var run = new ProxyRun(ready, late);
        run.Interfaces("192.0.2.1");
        await run.StartAsync();
        await run.LeapUntil(() => run.Messages.Any(message => message.Contains("Still waiting for all objects from: in-memory", StringComparison.Ordinal)), "the word that it waits");
        Assert.Empty(run.Backend.Calls);
        Assert.Equal("nothing is in force yet", run.Health.Evaluate().Reason);

        late.MarkComplete();

        await run.Calls(1);
        Assert.True(run.Backend.Calls[0].IsFull);
        Assert.Equal(["api", "web"], Ports.Names(run.Backend.Calls[0].Changes));
        Assert.True(run.Health.Evaluate().IsHealthy);
    }

    [Fact]
    public async Task Nothing_reaches_the_backend_before_the_machines_addresses_are_known()
    {
        await using var run = new ProxyRun(With("web"));
        await run.StartAsync();
        run.Time.Advance(TimeSpan.FromSeconds(10));
        await LoopRun.Settle();
        Assert.Empty(run.Backend.Calls);

        run.Interfaces("192.0.2.1");

        await run.Calls(1);
        Assert.Equal(Scene.Addresses("192.0.2.1"), run.Backend.Calls[0].Node.InterfaceAddresses);
    }

    [Fact]
    public async Task An_empty_cluster_is_in_force_as_well()
    {
        await using var run = new ProxyRun(new InMemorySource());
        run.Interfaces("192.0.2.1");
        await run.StartAsync();

        await run.Calls(1);
        Assert.True(run.Backend.Calls[0].IsFull);
        Assert.Empty(run.Backend.Calls[0].Changes);
    }

    [Fact]
    public async Task Addresses_that_come_and_go_reach_the_backend_without_the_services_that_do_not_change()
    {
        await using var run = new ProxyRun(With("web"));
        run.Interfaces("127.0.0.1 192.0.2.1");
        await run.StartAsync();
        await run.Calls(1);
        Assert.Equal(Scene.Addresses("192.0.2.1"), run.Backend.Calls[0].Node.NodePortAddresses);

        run.Interfaces("127.0.0.1 192.0.2.7");

        await run.Calls(2);
        var call = run.Backend.Calls[1];
        Assert.False(call.IsFull);
        Assert.Empty(call.Changes);
        Assert.Equal(Scene.Addresses("192.0.2.1"), call.PreviousNode.NodePortAddresses);
        Assert.Equal(Scene.Addresses("192.0.2.7"), call.Node.NodePortAddresses);
        Assert.Equal(call.Node, run.State.Node);
    }

    [Fact]
    public async Task What_changes_nothing_on_this_node_calls_nobody()
    {
        var source = With("web");
        await using var run = new ProxyRun(source);
        run.Interfaces("192.0.2.1");
        await run.StartAsync();
        await run.Calls(1);

        source.Upsert(Scene.MakeSlice("headless-1", "no-such-service", "10.1.0.9"));
        run.Interfaces("192.0.2.1");
        await LoopRun.Settle();
        source.Upsert(Scene.MakeService("api", "10.96.0.2"));

        await run.Calls(2);
        Assert.Equal(["api"], Ports.Names(run.Backend.Calls[1].Changes));
        Assert.Equal(2, run.State.ServicePortCount);
        Assert.Equal(["api", "web"], run.State.SnapshotServicePorts().Select(port => port.Key.Service.Name).Order());
    }

    [Fact]
    public async Task A_source_that_fails_keeps_what_is_in_force_and_is_started_again_later_and_later()
    {
        var source = new FailingSource();
        await using var run = new ProxyRun(source);
        source.Now = run.Time.GetUtcNow;
        run.Interfaces("192.0.2.1");
        await run.StartAsync();
        await run.Calls(1);
        Assert.Equal(["api", "web"], Ports.Names(run.Backend.Calls[0].Changes));

        // It fails, and when it is back it knows of one service only: the other is removed then, and not before.
        source.Known = ["web"];
        source.FailuresToCome = 3;
        source.Fail();
        await run.LeapUntil(() => source.Starts.Count == 5, "the fifth start");
        await run.Calls(2);

        var waits = source.Starts.Skip(1).Zip(source.Starts.Skip(2), (from, to) => (to - from).TotalSeconds).ToList();
        Assert.True(waits is [>= 1.8, >= 3.6, >= 7.2], string.Join(' ', waits));
        Assert.Equal(4, run.Messages.Count(message => message.Contains("Error: Source failing failed. What is in force stays", StringComparison.Ordinal)));
        Assert.Equal("api", Assert.Single(run.Backend.Calls[1].Changes).Key.Service.Name);
        Assert.Null(run.Backend.Calls[1].Changes[0].After);
    }

    [Fact]
    public async Task A_source_that_ends_after_it_was_complete_is_not_started_again()
    {
        var source = new EndingSource();
        await using var run = new ProxyRun(source, With("web"));
        run.Interfaces("192.0.2.1");
        await run.StartAsync();
        await run.Calls(1);

        await run.Until(() => run.Messages.Any(message => message.Contains("Source ending has ended", StringComparison.Ordinal)), "the word of it");
        run.Time.Advance(TimeSpan.FromMinutes(5));
        await LoopRun.Settle();
        Assert.Equal(1, source.Starts);
        Assert.True(run.Health.Evaluate().IsHealthy);
    }

    [Fact]
    public async Task A_source_that_ends_before_it_was_complete_has_failed()
    {
        var source = new EndingSource { IsComplete = false };
        await using var run = new ProxyRun(source);
        await run.StartAsync();

        await run.LeapUntil(() => source.Starts >= 2, "the second start");
        Assert.Contains(run.Messages, message => message.Contains("it ended before it was complete", StringComparison.Ordinal));
        Assert.Empty(run.Backend.Calls);
    }

    [Fact]
    public async Task A_node_that_is_going_away_is_not_eligible_and_the_proxy_is_live()
    {
        var source = With("web");
        await using var run = new ProxyRun(source);
        run.Interfaces("192.0.2.1");
        await run.StartAsync();
        await run.Calls(1);

        source.Upsert(new Node { Name = "here", IsToBeDeletedByAutoscaler = true });

        await run.Until(() => !run.State.IsNodeEligible, "that the node is marked");
        var report = run.Health.Evaluate();
        Assert.True(report.IsLive);
        Assert.False(report.IsHealthy);
        Assert.Contains("being deleted", report.Reason, StringComparison.Ordinal);

        source.Upsert(new Node { Name = "here" });
        await run.Until(() => run.Health.Evaluate().IsHealthy, "that the node takes traffic again");
    }

    [Fact]
    public async Task A_backend_that_cannot_start_prevents_the_start_with_its_own_words()
    {
        await using var run = new ProxyRun(With("web"));
        run.Backend.OnStart = _ => throw new BackendException("the module is missing: run 'modprobe it'");

        var error = await Assert.ThrowsAsync<ProxyStartException>(run.StartAsync);

        Assert.Equal(ProxyExitCode.Mode, error.ExitCode);
        Assert.Equal("mode 'scripted' cannot start: the module is missing: run 'modprobe it'", error.Message);
    }

    [Fact]
    public async Task A_backend_that_fails_to_start_prevents_the_start()
    {
        await using var run = new ProxyRun(With("web"));
        run.Backend.OnStart = _ => throw new InvalidOperationException("oops");

        var error = await Assert.ThrowsAsync<ProxyStartException>(run.StartAsync);

        Assert.Equal(ProxyExitCode.Failure, error.ExitCode);
        Assert.Contains("InvalidOperationException: oops", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_a_source_there_is_no_start()
    {
        await using var run = new ProxyRun();
        Assert.Equal(ProxyExitCode.Usage, (await Assert.ThrowsAsync<ProxyStartException>(run.StartAsync)).ExitCode);
    }

    [Fact]
    public async Task An_unknown_default_scheduler_prevents_the_start()
    {
        await using var run = new ProxyRun(options => options.DefaultScheduler = "nonsense", With("web"));
        var error = await Assert.ThrowsAsync<ProxyStartException>(run.StartAsync);
        Assert.Equal(ProxyExitCode.Usage, error.ExitCode);
        Assert.Contains("there is no scheduler 'nonsense'", error.Message, StringComparison.Ordinal);
    }

    private static InMemorySource With(string service, bool isComplete = true)
    {
        var source = new InMemorySource(isComplete);
        source.Upsert(Scene.MakeService(service, service == "web" ? "10.96.0.1" : "10.96.0.3"));
        return source;
    }

    /// <summary>Publishes what it knows, and fails when it is told to.</summary>
    private sealed class FailingSource : IServiceSource
    {
        private readonly TaskCompletionSource _failure = new();

        public string Name => "failing";

        public string[] Known { get; set; } = ["api", "web"];

        public int FailuresToCome { get; set; }

        public List<DateTimeOffset> Starts { get; } = [];

        public Func<DateTimeOffset> Now { get; set; } = () => DateTimeOffset.UtcNow;

        public void Fail() => _failure.TrySetResult();

        public async Task RunAsync(ISourceSink sink, CancellationToken cancellationToken)
        {
            Starts.Add(Now());
            if (Starts.Count > 1 && FailuresToCome-- > 0)
            {
                throw new IOException("the server is gone");
            }

            await sink.PublishAsync(
                [.. Known.Select(name => new SourceEvent.ServiceUpserted(Scene.MakeService(name, name == "web" ? "10.96.0.1" : "10.96.0.3"))), new SourceEvent.Complete()],
                cancellationToken);
            await (Starts.Count == 1 ? _failure.Task : Task.Delay(Timeout.InfiniteTimeSpan, CancellationToken.None)).WaitAsync(cancellationToken);
            throw new IOException("the connection was cut");
        }
    }

    private sealed class EndingSource : IServiceSource
    {
        public string Name => "ending";

        public bool IsComplete { get; init; } = true;

        public int Starts { get; private set; }

        public async Task RunAsync(ISourceSink sink, CancellationToken cancellationToken)
        {
            Starts++;
            await sink.PublishAsync(IsComplete ? [new SourceEvent.Complete()] : [], cancellationToken);
        }
    }
}
