using System.Collections.Concurrent;
using Xunit;

namespace ProxyFramework.Behaviour.Testbed;

/// <summary>Requests that go on in the background, each over a new connection, while something happens to the proxy.</summary>
public sealed class Traffic : IAsyncDisposable
{
    // Below those that the kernel gives out (ip_local_port_range). A UDP client that takes up another's port too soon, towards another
    // address of the same endpoint, can get its answer from that other address in IPVS mode: that is not what scenarios are about.
    private const int FirstPort = 10_000;
    private const int Ports = 20_000;

    private static int _flows;

    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentQueue<Outcome> _failures = new();
    private readonly Task _loop;
    private int _requests;

    private Traffic(Place from, IReadOnlyList<Target> targets)
    {
        _loop = Task.Run(() => RunAsync(from, targets));
    }

    public static Traffic Start(Place from, params IReadOnlyList<Target> targets) => new(from, targets);

    /// <summary>How many requests have ended so far.</summary>
    public int Requests => Volatile.Read(ref _requests);

    /// <summary>Returns when that many more requests have ended.</summary>
    public async Task PassAsync(int requests)
    {
        var goal = Requests + requests;
        Assert.True(await Eventually.TrueAsync(() => Task.FromResult(Requests >= goal)), "the traffic has come to a halt");
    }

    /// <summary>Ends the traffic; every request must have been answered.</summary>
    public async Task ShouldHaveHadNoFailureAsync()
    {
        await _stop.CancelAsync();
        await _loop;
        Assert.True(
            _failures.IsEmpty,
            $"{_failures.Count} of {Requests} requests failed; the first: {_failures.FirstOrDefault()?.Attempt}: {_failures.FirstOrDefault()}");
        Assert.True(Requests > 0, "no request was made");
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _loop;
        _stop.Dispose();
    }

    private async Task RunAsync(Place from, IReadOnlyList<Target> targets)
    {
        for (var i = 0; !_stop.IsCancellationRequested; i++)
        {
            var outcome = await from.AskAsync(targets[i % targets.Count], Pace.Limit(3), FirstPort + (Interlocked.Increment(ref _flows) % Ports));
            if (outcome.Kind != OutcomeKind.Answered)
            {
                _failures.Enqueue(outcome);
            }

            Interlocked.Increment(ref _requests);

            // Where the machine is slow, the proxy must get something of it beside the traffic.
            await Task.Delay(TimeSpan.FromMilliseconds(25 * (Pace.Factor - 1)));
        }
    }
}
