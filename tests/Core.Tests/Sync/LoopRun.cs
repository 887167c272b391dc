using System.Collections.Concurrent;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using ProxyFramework.Core.Plugins;
using ProxyFramework.Core.Sync;
using Xunit;

namespace ProxyFramework.Core.Tests.Sync;

/// <summary>A sync loop that runs over a clock that the test moves.</summary>
internal sealed class LoopRun : IAsyncDisposable
{
    private readonly CancellationTokenSource _ending = new();
    private readonly MessageLog _messages = new();

    public LoopRun(SyncLoopOptions? options = null, Action<ScriptedBackend>? script = null, params ISyncObserver[] observers)
        : this(options, script, static (backend, _) => backend, observers)
    {
    }

    /// <param name="options">The times to keep.</param>
    /// <param name="script">What the backend does.</param>
    /// <param name="wrap">What the loop is given for the backend.</param>
    /// <param name="observers">Who wants to know.</param>
    public LoopRun(
        SyncLoopOptions? options, Action<ScriptedBackend>? script, Func<ScriptedBackend, TimeProvider, IBackend> wrap, params ISyncObserver[] observers)
    {
        Backend = new ScriptedBackend { Time = Time };
        script?.Invoke(Backend);
        var wrapped = wrap(Backend, Time);
        SyncLoop? loop = null;
        var context = new BackendContext
        {
            LoggerFactory = NullLoggerFactory.Instance,
            TimeProvider = Time,
            Schedulers = new SchedulerCatalog(new Dictionary<string, IScheduler>()),
            Settings = new ConfigurationBuilder().Build(),
            ReportDrift = drift => loop!.ReportDrift(drift),
        };
        Loop = loop = new SyncLoop(wrapped, context, options ?? new SyncLoopOptions(), Time, _messages, observers);
        Ended = Loop.RunAsync(_ending.Token);
    }

    public FakeTimeProvider Time { get; } = new(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));

    public ScriptedBackend Backend { get; }

    public SyncLoop Loop { get; }

    public Task Ended { get; }

    public IReadOnlyCollection<string> Messages => _messages.Texts;

    /// <summary>Waits, in real time, for something that the loop does without the clock being moved.</summary>
    public static async Task Until(Func<bool> condition, string what)
    {
        var limit = DateTime.UtcNow.AddSeconds(20);
        while (!condition())
        {
            Assert.True(DateTime.UtcNow < limit, "did not happen: " + what);
            await Task.Delay(2);
        }
    }

    /// <summary>Moves the clock in small steps until something happens; returns how far.</summary>
    public Task<TimeSpan> AdvanceUntil(Func<bool> condition, TimeSpan step, string what) => AdvanceUntil(Time, condition, step, what);

    /// <summary>The same for any clock.</summary>
    public static async Task<TimeSpan> AdvanceUntil(FakeTimeProvider time, Func<bool> condition, TimeSpan step, string what)
    {
        var moved = TimeSpan.Zero;
        var limit = DateTime.UtcNow.AddSeconds(20);
        while (!condition())
        {
            Assert.True(DateTime.UtcNow < limit, "did not happen: " + what);
            time.Advance(step);
            moved += step;
            await Settle();
        }

        return moved;
    }

    /// <summary>Lets the loop come to rest at the present time of the clock.</summary>
    public static Task Settle() => Task.Delay(15);

    public Task Calls(int count) => Until(() => Backend.Calls.Length >= count && Backend.Running == 0 && Loop.Status.BusySince is null, $"{count} calls");

    public async Task Stop()
    {
        await _ending.CancelAsync();
        await Ended.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    public Task Cancel() => _ending.CancelAsync();

    public async ValueTask DisposeAsync()
    {
        await _ending.CancelAsync();
        await AdvanceUntil(() => Ended.IsCompleted, TimeSpan.FromSeconds(1), "the loop ends");
        await Ended.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _ending.Dispose();
    }

    private sealed class MessageLog : ILogger<SyncLoop>
    {
        private readonly ConcurrentQueue<string> _texts = new();

        public IReadOnlyCollection<string> Texts => _texts;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Information;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel))
            {
                _texts.Enqueue(formatter(state, exception));
            }
        }
    }
}
