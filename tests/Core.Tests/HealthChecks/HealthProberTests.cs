using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Threading.Channels;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;
using ProxyFramework.Core.HealthChecks;
using ProxyFramework.Core.Tests.Proxy;
using ProxyFramework.Core.Tests.Sync;
using ProxyFramework.Core.View;
using Xunit;

namespace ProxyFramework.Core.Tests.HealthChecks;

/// <summary>When endpoints are asked, and what follows from their answers.</summary>
public sealed class HealthProberTests : IAsyncDisposable
{
    private static readonly ServicePortKey Key = new(new NamespacedName("default", "web"), "", TransportProtocol.Tcp, IPFamily.IPv4);

    private static readonly ServicePortKey Other = new(new NamespacedName("default", "other"), "", TransportProtocol.Tcp, IPFamily.IPv4);

    private readonly Channel<ViewInput> _view = Channel.CreateUnbounded<ViewInput>();
    private readonly CancellationTokenSource _stop = new();
    private readonly TestCheck _check = new();
    private readonly CapturedLog _log = new();
    private readonly HealthProber _prober;
    private readonly Task _run;

    public HealthProberTests()
    {
        var catalog = new HealthCheckCatalog(
            new Dictionary<string, IHealthCheck> { ["test"] = _check },
            new ConfigurationBuilder().AddInMemoryCollection([new("health-checks:interval", "100ms"), new("health-checks:timeout", "5s")]).Build());
        _prober = new HealthProber(catalog, _view.Writer, TimeProvider.System, LoggerFactory.Create(logging => logging.AddProvider(_log)).CreateLogger<HealthProber>());
        _run = _prober.RunAsync(_stop.Token);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _run);
        _prober.Dispose();
        _stop.Dispose();
    }

    [Fact]
    public async Task An_endpoint_is_sick_after_as_many_failures_as_fall_says_and_healthy_after_rise()
    {
        _check.IsHealthy[80] = true;
        Post("test; fall=3; rise=4", 80);
        await Until(() => _check.Asked(80) >= 3);
        Assert.False(_view.Reader.TryPeek(out _));

        var asked = _check.Turn(80, isHealthy: false);
        Assert.Equal(0, (await VerdictAsync()).ShareOf(TestCheck.Address, 80));
        Assert.InRange(_check.Asked(80) - asked, 3, 5);

        asked = _check.Turn(80, isHealthy: true);
        Assert.Equal(100, (await VerdictAsync()).ShareOf(TestCheck.Address, 80));
        Assert.InRange(_check.Asked(80) - asked, 4, 6);
        Assert.Contains(_log.Texts, text => text.Contains("is sick", StringComparison.Ordinal) && text.Contains("told to fail", StringComparison.Ordinal));
        Assert.Contains(_log.Texts, text => text.Contains("is healthy again", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_single_failure_between_successes_is_no_verdict()
    {
        var turn = 0;
        _check.Answer = _ => Interlocked.Increment(ref turn) % 3 == 0 ? ProbeResult.Unhealthy("now and then") : ProbeResult.Healthy;
        Post("test; fall=2", 80);
        await Until(() => _check.Asked(80) >= 12);
        Assert.False(_view.Reader.TryPeek(out _));
    }

    [Fact]
    public async Task A_probe_that_never_ends_harms_no_other_and_makes_its_endpoint_sick()
    {
        _check.Hangs.Add(80);
        _check.IsHealthy[81] = true;
        Post("test; fall=2; timeout=50ms", 80, 81);
        Assert.Equal(0, (await VerdictAsync()).ShareOf(TestCheck.Address, 80));
        Assert.Equal(1, _check.Asked(80));
        var asked = _check.Asked(81);
        await Until(() => _check.Asked(81) >= asked + 5);
        Assert.Equal(1, _check.Asked(80));
    }

    [Fact]
    public async Task An_endpoint_that_is_back_has_its_weight_in_steps()
    {
        Post("test; fall=1; rise=1; slow-start=2s", 80);
        Assert.Equal(0, (await VerdictAsync()).ShareOf(TestCheck.Address, 80));
        _check.Turn(80, isHealthy: true);
        List<int> shares = [];
        while (shares.Count == 0 || shares[^1] < 100)
        {
            shares.Add((await VerdictAsync()).ShareOf(TestCheck.Address, 80));
        }

        Assert.Equal(10, shares[0]);
        Assert.Equal(shares.Order().Distinct(), shares);
        Assert.InRange(shares.Count, 3, 11);
    }

    [Fact]
    public async Task One_that_joins_others_starts_slowly_and_the_first_ones_do_not()
    {
        _check.IsHealthy[80] = _check.IsHealthy[81] = true;
        Post("test; slow-start=1h", 80);
        await Until(() => _check.Asked(80) >= 2);
        Assert.False(_view.Reader.TryPeek(out _));
        Post("test; slow-start=1h", 80, 81);
        var verdict = await VerdictAsync();
        Assert.Equal(100, verdict.ShareOf(TestCheck.Address, 80));
        Assert.Equal(10, verdict.ShareOf(TestCheck.Address, 81));
    }

    [Fact]
    public async Task Another_check_keeps_what_the_one_before_has_found_until_it_knows_better()
    {
        Post("test; fall=1; rise=1", 80, 81);
        await Until(() => _view.Reader.TryRead(out var input) && Share(input, 80) == 0 && Share(input, 81) == 0);
        Post("test; fall=1; rise=2", 80, 81);
        Assert.Equal(0, (await VerdictAsync()).ShareOf(TestCheck.Address, 80));
        _check.Turn(80, isHealthy: true);
        Assert.Equal(100, (await VerdictAsync()).ShareOf(TestCheck.Address, 80));
        await Until(() => _check.Disposed == 1);
    }

    [Fact]
    public async Task What_is_not_to_be_checked_any_more_is_asked_no_more()
    {
        _check.IsHealthy[80] = true;
        Post("test", 80);
        await Until(() => _check.Asked(80) >= 1);
        _prober.Post(new NodeViewChanges { HealthChecks = [new CheckedEndpointsChange(Key, null)] });
        await Until(() => _check.Disposed == 1);
        var asked = _check.Asked(80);

        // Another one's rounds are the clock; a probe that was under way when the check was let go may still be counted.
        Post(Other, "test", 81);
        await Until(() => _check.Asked(81) >= 4);
        Assert.InRange(_check.Asked(80), asked, asked + 1);
    }

    [Theory]
    [InlineData("unknown", "there is no health check 'unknown'; loaded are: test")]
    [InlineData("test; interval=1ms", "health check 'test': interval: '1ms' is not a duration between 0.1s and 3600s")]
    [InlineData("test; refuse", "health check 'test': it does not want to")]
    public async Task A_choice_that_is_wrong_is_explained_and_takes_nothing_away(string choice, string expected)
    {
        Post("test; fall=1", 80);
        Assert.Equal(0, (await VerdictAsync()).ShareOf(TestCheck.Address, 80));
        Post(choice, 80);
        Assert.Equal(100, (await VerdictAsync()).ShareOf(TestCheck.Address, 80));
        Assert.Contains(_log.Texts, text => text.Contains("Its endpoints are not checked", StringComparison.Ordinal) && text.Contains(expected, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_port_of_another_protocol_is_not_asked_unless_a_port_is_named()
    {
        var udp = Key with { Protocol = TransportProtocol.Udp };
        _prober.Post(new NodeViewChanges { HealthChecks = [new CheckedEndpointsChange(udp, new CheckedEndpoints("test", [(TestCheck.Address, 53)]))] });
        _prober.Post(new NodeViewChanges { HealthChecks = [new CheckedEndpointsChange(Key, new CheckedEndpoints("test; port=99", [(TestCheck.Address, 80)]))] });
        await Until(() => _check.Asked(99) >= 2);
        Assert.Equal(0, _check.Asked(53));
        Assert.Equal(0, _check.Asked(80));
    }

    [Fact]
    public void A_wrong_setting_of_the_operator_is_named()
    {
        static string Problem(string name, string value) => Assert.Throws<ArgumentException>(() => new HealthCheckCatalog(
            new Dictionary<string, IHealthCheck> { ["test"] = new TestCheck() },
            new ConfigurationBuilder().AddInMemoryCollection([new("health-checks:" + name, value)]).Build())).Message;
        Assert.Contains("health-checks: there is no option 'intervall'", Problem("intervall", "1s"), StringComparison.Ordinal);
        Assert.Contains("health-checks: panic: '101' is not a whole number between 0 and 100", Problem("panic", "101"), StringComparison.Ordinal);
        Assert.Contains("health-checks: there is no health check 'unknown'", Problem("default", "unknown"), StringComparison.Ordinal);
    }

    private static int Share(ViewInput? input, ushort port) => Assert.IsType<ViewInput.Verdicts>(input).All.Single().Verdicts.ShareOf(TestCheck.Address, port);

    private static Task Until(Func<bool> condition) => LoopRun.Until(condition, "a condition of the test");

    private void Post(string check, params IEnumerable<ushort> ports) => Post(Key, check, ports);

    private void Post(ServicePortKey key, string check, params IEnumerable<ushort> ports) => _prober.Post(new NodeViewChanges
    {
        HealthChecks = [new CheckedEndpointsChange(key, new CheckedEndpoints(check, [.. ports.Select(port => (TestCheck.Address, port))]))],
    });

    private async Task<EndpointVerdicts> VerdictAsync()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        var input = Assert.IsType<ViewInput.Verdicts>(await _view.Reader.ReadAsync(limit.Token));
        return Assert.Single(input.All).Verdicts;
    }

    /// <summary>A check whose answers the test sets, by port.</summary>
    private sealed class TestCheck : IHealthCheck
    {
        public static readonly InetAddress Address = InetAddress.Parse("10.1.0.1");

        private readonly ConcurrentDictionary<ushort, int> _asked = [];
        private int _disposed;

        public ConcurrentDictionary<ushort, bool> IsHealthy { get; } = [];

        public ConcurrentBag<ushort> Hangs { get; } = [];

        public Func<ushort, ProbeResult>? Answer { get; set; }

        public int Disposed => Volatile.Read(ref _disposed);

        public string Name => "test";

        public TransportProtocol? Protocol => TransportProtocol.Tcp;

        public int Asked(ushort port) => _asked.GetValueOrDefault(port);

        public int Turn(ushort port, bool isHealthy)
        {
            IsHealthy[port] = isHealthy;
            return Asked(port);
        }

        public IHealthProbe CreateProbe(HealthCheckContext context) =>
            context.Options.Count > 0 ? throw new ArgumentException("it does not want to") : new Probe(this);

        private sealed class Probe(TestCheck check) : IHealthProbe, IDisposable
        {
            public async ValueTask<ProbeResult> ProbeAsync(InetAddress address, ushort port, CancellationToken cancellationToken)
            {
                check._asked.AddOrUpdate(port, 1, (_, count) => count + 1);
                if (check.Hangs.Contains(port))
                {
                    await new TaskCompletionSource().Task;
                }

                return check.Answer?.Invoke(port)
                    ?? (check.IsHealthy.GetValueOrDefault(port) ? ProbeResult.Healthy : ProbeResult.Unhealthy("told to fail"));
            }

            public void Dispose() => Interlocked.Increment(ref check._disposed);
        }
    }
}
