using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using ProxyFramework.Core.Sources;
using ProxyFramework.Core.Sync;

namespace ProxyFramework.Core;

/// <summary>
/// Runs one source for as long as the proxy runs: one that fails is started again, later and later, and what it said stays in force
/// until it says otherwise.
/// </summary>
internal sealed partial class SourceRunner(
    int index, IServiceSource source, ChannelWriter<ViewInput> feed, ProblemLog problems, TimeSpan shutdownGrace, TimeProvider time, ILogger<SourceRunner> logger)
    : ISourceSink
{
    private readonly Backoff _backoff = new(Random.Shared);
    private readonly SourceMemory _memory = new();
    private int _failures;

    /// <summary>Runs it until cancelled, or until it ends of itself after it was complete.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                _memory.Restart();
                await RunOnceAsync(cancellationToken).ConfigureAwait(false);
                cancellationToken.ThrowIfCancellationRequested();
                if (_memory.IsComplete)
                {
                    Log.Ended(logger, source.Name);
                    return;
                }

                throw new InvalidOperationException("it ended before it was complete");
            }
            catch (Exception error) when (!cancellationToken.IsCancellationRequested && error is not ProxyStartException)
            {
                _failures = _memory.IsComplete ? 1 : _failures + 1;
                var wait = _backoff.After(_failures);
                Log.Failed(logger, error, source.Name, wait.TotalSeconds);
                await Task.Delay(wait, time, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    private async Task RunOnceAsync(CancellationToken cancellationToken)
    {
        var ending = new CancellationTokenSource();
        var call = Task.Run(() => source.RunAsync(this, ending.Token), CancellationToken.None);
        await ForeignCall.WaitAsync(
            call, ending, shutdownGrace, time, () => Log.Abandoned(logger, source.Name, shutdownGrace.TotalSeconds), cancellationToken).ConfigureAwait(false);
        await call.ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public ValueTask PublishAsync(IReadOnlyList<SourceEvent> events, CancellationToken cancellationToken) =>
        feed.WriteAsync(new ViewInput.Events(index, _memory.Remember(events), time.GetTimestamp()), cancellationToken);

    /// <inheritdoc/>
    public void Report(ObjectProblem problem) => problems.Report(problem);

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Error, "Source {Source} failed. What is in force stays; it is started again in {Seconds:0.0} s.")]
        public static partial void Failed(ILogger logger, Exception error, string source, double seconds);

        [LoggerMessage(2, LogLevel.Information, "Source {Source} has ended: there will be no more changes from it.")]
        public static partial void Ended(ILogger logger, string source);

        [LoggerMessage(3, LogLevel.Warning, "Source {Source} did not end within {Seconds:0.0} s of being cancelled at shutdown and is left behind.")]
        public static partial void Abandoned(ILogger logger, string source, double seconds);
    }
}
