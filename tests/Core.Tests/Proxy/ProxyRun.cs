using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Threading.Channels;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using ProxyFramework.Core.Health;
using ProxyFramework.Core.Sources;
using ProxyFramework.Core.Tests.Sync;
using ProxyFramework.Core.Tests.View;
using Xunit;

namespace ProxyFramework.Core.Tests.Proxy;

/// <summary>A whole proxy in a generic host, as an embedder runs it, over a backend that does as told, addresses that the test sets, and a clock that it moves.</summary>
internal sealed class ProxyRun : IAsyncDisposable
{
    private readonly IHost _host;
    private readonly SettableAddresses _addresses = new();
    private readonly CapturedLog _log = new();
    private Task? _stopped;

    public ProxyRun(params IServiceSource[] sources)
        : this(_ => { }, sources)
    {
    }

    public ProxyRun(Action<ServiceProxyOptions> configure, params IServiceSource[] sources)
    {
        Backend = new ScriptedBackend { Time = Time };
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Logging.AddProvider(_log);
        builder.Services.AddSingleton<TimeProvider>(Time);
        builder.Services.AddSingleton<IInterfaceAddresses>(_addresses);
        builder.Services.AddSingleton<IBackend>(Backend);
        var proxy = builder.Services.AddServiceProxy(options =>
        {
            options.NodeName = "here";
            configure(options);
        });
        foreach (var source in sources)
        {
            proxy.AddSource(source);
        }

        _host = builder.Build();
    }

    public FakeTimeProvider Time { get; } = new(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));

    public ScriptedBackend Backend { get; }

    public ProxyHealth Health => _host.Services.GetRequiredService<ProxyHealth>();

    public IServiceProxyState State => _host.Services.GetRequiredService<IServiceProxyState>();

    public IReadOnlyCollection<string> Messages => _log.Texts;

    public void Interfaces(string addresses) => _addresses.Set(Scene.Addresses(addresses));

    /// <summary>Starts it, with the clock running in leaps where a start waits for it.</summary>
    public Task StartAsync() => AdvanceUntilDone(_host.StartAsync(), TimeSpan.FromSeconds(1));

    /// <summary>Stops it, with the clock at twice its speed; returns how far that went meanwhile.</summary>
    public async Task<TimeSpan> StopAsync()
    {
        var began = Time.GetUtcNow();
        await AdvanceUntilDone(_stopped ??= _host.StopAsync(), TimeSpan.FromMilliseconds(10));
        return Time.GetUtcNow() - began;
    }

    public Task Until(Func<bool> condition, string what) => LoopRun.Until(condition, what + "\n" + string.Join('\n', Messages));

    /// <summary>Until the backend has had so many change sets and rests.</summary>
    public Task Calls(int count) => Until(
        () =>
        {
            Time.Advance(TimeSpan.FromMilliseconds(20));
            return Backend.Calls.Length >= count && Backend.Running == 0 && State.Sync.BusySince is null;
        },
        $"{count} change sets, there were {Backend.Calls.Length}");

    /// <summary>Moves the clock until something is so.</summary>
    public Task LeapUntil(Func<bool> condition, string what) => Until(
        () =>
        {
            Time.Advance(TimeSpan.FromSeconds(1));
            return condition();
        },
        what);

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _host.Dispose();
    }

    private async Task AdvanceUntilDone(Task task, TimeSpan step)
    {
        var limit = DateTime.UtcNow.AddSeconds(20);
        while (!task.IsCompleted)
        {
            Assert.True(DateTime.UtcNow < limit, "it never ends\n" + string.Join('\n', Messages));
            Time.Advance(step);
            await Task.Delay(5);
        }

        await task;
    }

    private sealed class SettableAddresses : IInterfaceAddresses
    {
        private readonly Channel<ImmutableArray<InetAddress>> _all = Channel.CreateUnbounded<ImmutableArray<InetAddress>>();

        public void Set(ImmutableArray<InetAddress> addresses) => _all.Writer.TryWrite(addresses);

        public IAsyncEnumerable<ImmutableArray<InetAddress>> WatchAsync(CancellationToken cancellationToken) => _all.Reader.ReadAllAsync(cancellationToken);
    }
}

/// <summary>Keeps what is logged from Information on, with the level in front.</summary>
internal sealed class CapturedLog : ILoggerProvider
{
    private readonly ConcurrentQueue<string> _texts = new();

    public IReadOnlyCollection<string> Texts => _texts;

    public ILogger CreateLogger(string categoryName) => new Category(_texts);

    public void Dispose()
    {
    }

    private sealed class Category(ConcurrentQueue<string> texts) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Information;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel))
            {
                texts.Enqueue($"{logLevel}: {formatter(state, exception)} {exception?.Message}");
            }
        }
    }
}
