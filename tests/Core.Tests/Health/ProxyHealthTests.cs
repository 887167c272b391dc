using System.Collections.Immutable;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using ProxyFramework.Core.Health;
using Xunit;

namespace ProxyFramework.Core.Tests.Health;

public sealed class ProxyHealthTests
{
    private static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly SyncStatus InForce = new() { HasSynced = true, LastSynced = Start };

    private readonly FakeTimeProvider _time = new(Start);
    private readonly ProxyState _state = new();

    [Fact]
    public void It_is_not_live_before_everything_was_in_force_once_and_says_why()
    {
        Assert.Equal((false, "nothing is in force yet"), Evaluate(new SyncStatus()));
        Assert.Equal((false, "nothing is in force yet: no such table"), Evaluate(new SyncStatus { LastError = "no such table" }));
        Assert.Null(Health().Evaluate().LastUpdated);
    }

    [Fact]
    public void As_long_as_nothing_waits_it_is_up_to_date_however_long_nothing_happened()
    {
        Assert.Equal((true, null), Evaluate(InForce));
        _time.Advance(TimeSpan.FromDays(30));
        var report = Health().Evaluate();
        Assert.True(report.IsHealthy);
        Assert.Equal(_time.GetUtcNow(), report.CurrentTime);
        Assert.Equal(_time.GetUtcNow(), report.LastUpdated);
    }

    [Fact]
    public void A_change_may_wait_for_its_patience_and_no_longer()
    {
        _state.Sync = InForce with { OldestPending = Start, LastError = "the kernel is full" };
        _time.Advance(TimeSpan.FromSeconds(60));
        var waiting = Health().Evaluate();
        Assert.True(waiting.IsLive);
        Assert.Equal(Start, waiting.LastUpdated);

        _time.Advance(TimeSpan.FromSeconds(1));
        var stale = Health().Evaluate();
        Assert.False(stale.IsLive);
        Assert.Equal(Start, stale.LastUpdated);
        Assert.Equal("a change has been waiting since 2026-01-01 00:00:00Z: the kernel is full", stale.Reason);
    }

    [Fact]
    public void The_patience_grows_with_the_delay_that_the_operator_asked_for()
    {
        Assert.Equal(TimeSpan.FromSeconds(60), Health().Patience);
        Assert.Equal(TimeSpan.FromMinutes(4), Health(TimeSpan.FromMinutes(2)).Patience);
    }

    [Fact]
    public void A_backend_that_hangs_is_not_live_although_all_was_in_force() =>
        Assert.Equal(
            (false, "the backend has been busy with one call since 2026-01-01 00:00:00Z"),
            Evaluate(InForce with { IsBackendHung = true, BusySince = Start }));

    [Fact]
    public void A_node_that_goes_away_is_live_and_not_healthy()
    {
        _state.IsNodeEligible = false;
        _state.Sync = InForce;
        var report = Health().Evaluate();
        Assert.True(report.IsLive);
        Assert.False(report.IsHealthy);
        Assert.Equal("this node is being deleted, or is marked for it", report.Reason);
    }

    [Fact]
    public void Single_service_ports_that_fail_do_not_take_the_node_out() =>
        Assert.Equal((true, null), Evaluate(InForce with { Failures = [new ServicePortFailure(Sync.Ports.Key("web"), "no such scheduler")] }));

    private (bool IsLive, string? Reason) Evaluate(SyncStatus sync)
    {
        _state.Sync = sync;
        var report = Health().Evaluate();
        return (report.IsLive, report.Reason);
    }

    private ProxyHealth Health(TimeSpan? maxSyncDelay = null) =>
        new(_state, Options.Create(new ServiceProxyOptions { MaxSyncDelay = maxSyncDelay ?? TimeSpan.FromSeconds(1) }), _time);
}

/// <summary>A proxy's state that a test sets.</summary>
internal sealed class ProxyState : IServiceProxyState
{
    public string? Mode => "scripted";

    public SyncStatus Sync { get; set; } = new();

    public NodeState Node => NodeState.Unknown;

    public bool IsNodeEligible { get; set; } = true;

    public int ServicePortCount => 0;

    public ImmutableArray<ServicePort> SnapshotServicePorts() => [];
}
