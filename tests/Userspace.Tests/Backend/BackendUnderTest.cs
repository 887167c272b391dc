using System.Collections.Concurrent;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;
using ProxyFramework.Backends.Userspace;
using ProxyFramework.Plugins.Schedulers;
using Xunit;

namespace ProxyFramework.Userspace.Tests.Backend;

/// <summary>The backend, driven as the sync loop drives it: every change set is made from what was there before.</summary>
internal sealed class BackendUnderTest : IAsyncDisposable, ISchedulerCatalog, ILoggerFactory
{
    /// <summary>A machine that is busy with other things must not make an endpoint look dead, unless a test is about that.</summary>
    private const string EndlessConnect = "1m";

    private readonly Dictionary<ServicePortKey, ServicePort> _state = [];
    private readonly Dictionary<string, IScheduler> _schedulers;
    private NodeState _appliedNode = NodeState.Unknown;
    private bool _isDisposed;

    private BackendUnderTest(UserspaceBackend backend, IScheduler[] more)
    {
        Backend = backend;
        _schedulers = new IScheduler[]
        {
            new RoundRobinScheduler(), new WeightedRoundRobinScheduler(), new RandomScheduler(), new LeastConnectionsScheduler(),
        }.Concat(more).ToDictionary(scheduler => scheduler.Name);
    }

    public UserspaceBackend Backend { get; }

    public NodeState Node { get; set; } = NodeState.Unknown;

    public ConcurrentQueue<string> Lines { get; } = [];

    public LogLevel Level { get; set; } = LogLevel.Debug;

    public IReadOnlyCollection<string> Names => _schedulers.Keys;

    public static async Task<BackendUnderTest> StartAsync(
        TimeProvider? time = null,
        TimeSpan? drainTimeout = null,
        ILocalAddresses? addresses = null,
        DescriptorLimit? descriptors = null,
        string? defaultScheduler = null,
        IScheduler[]? schedulers = null,
        params (string Name, string Value)[] settings)
    {
        var backend = new UserspaceBackend(() => addresses ?? new NoAddresses(), () => descriptors ?? DescriptorLimit.Raise());
        var test = new BackendUnderTest(backend, schedulers ?? []);
        await backend.StartAsync(test.Context(time, drainTimeout, defaultScheduler, settings), CancellationToken.None);
        return test;
    }

    /// <summary>The backend as the host makes it, with real routes; to be called in a network namespace.</summary>
    public static BackendUnderTest StartWithRoutes()
    {
        var test = new BackendUnderTest(new UserspaceBackend(), []);
        test.Backend.StartAsync(test.Context(null, null, null, []), CancellationToken.None).AsTask().GetAwaiter().GetResult();
        return test;
    }

    public BackendContext Context(
        TimeProvider? time = null, TimeSpan? drainTimeout = null, string? defaultScheduler = null, params (string Name, string Value)[] settings) => new()
        {
            LoggerFactory = this,
            TimeProvider = time ?? TimeProvider.System,
            Schedulers = this,
            Settings = new ConfigurationBuilder()
                .AddInMemoryCollection([new("userspace:connect-timeout", EndlessConnect)])
                .AddInMemoryCollection(settings.Select(setting => new KeyValuePair<string, string?>("userspace:" + setting.Name, setting.Value)))
                .Build()
                .GetSection("userspace"),
            DefaultScheduler = defaultScheduler,
            DrainTimeout = drainTimeout ?? Timeout.InfiniteTimeSpan,
            ReportDrift = _ => { },
        };

    /// <summary>Applies changed service ports; everything must be in force afterwards.</summary>
    public async Task ApplyAsync(params ServicePort[] services) => Assert.Empty((await TryApplyAsync(services)).Failures);

    public Task<SyncResult> TryApplyAsync(params ServicePort[] services) =>
        Change([.. services.Select(service => new ServicePortChange(_state.GetValueOrDefault(service.Key), service))]);

    public Task<SyncResult> RemoveAsync(params ServicePort[] services) =>
        Change([.. services.Select(service => new ServicePortChange(_state.GetValueOrDefault(service.Key), null))]);

    public Task<SyncResult> Change(params ServicePortChange[] changes)
    {
        foreach (var change in changes)
        {
            if (change.After is null)
            {
                _state.Remove(change.Key);
            }
            else
            {
                _state[change.Key] = change.After;
            }
        }

        return SendAsync(isFull: false, changes);
    }

    /// <summary>Applies the complete state, which is just these service ports.</summary>
    public Task<SyncResult> ApplyFullAsync(params ServicePort[] services)
    {
        _state.Clear();
        foreach (var service in services)
        {
            _state[service.Key] = service;
        }

        return SendAsync(isFull: true, [.. services.Select(service => new ServicePortChange(null, service))]);
    }

    public IScheduler? Find(string name) => _schedulers.GetValueOrDefault(name);

    public ILogger CreateLogger(string categoryName) => new Logger(this, categoryName);

    public void AddProvider(ILoggerProvider provider)
    {
    }

    public async ValueTask DisposeAsync()
    {
        if (!_isDisposed)
        {
            _isDisposed = true;
            await Backend.DisposeAsync();
        }
    }

    void IDisposable.Dispose()
    {
    }

    private async Task<SyncResult> SendAsync(bool isFull, ServicePortChange[] changes)
    {
        var (previous, node) = (_appliedNode, Node);
        _appliedNode = node;
        return await Backend.ApplyAsync(
            new ServiceChangeSet
            {
                IsFull = isFull,
                Changes = [.. changes.OrderBy(change => change.After is not null)],
                State = _state,
                Node = node,
                PreviousNode = previous,
            },
            CancellationToken.None);
    }

    private sealed class Logger(BackendUnderTest test, string category) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= test.Level;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            test.Lines.Enqueue($"{logLevel} {category}[{eventId.Id}] {formatter(state, exception)}{exception}");
    }

    /// <summary>As without CAP_NET_ADMIN.</summary>
    private sealed class NoAddresses : ILocalAddresses
    {
        public string? Guard() => null;

        public void Admit(ListenKey key)
        {
        }

        public void Exclude(ListenKey key)
        {
        }

        public ValueTask<IReadOnlyCollection<InetAddress>> ReadAsync(CancellationToken cancellationToken) =>
            ValueTask.FromResult<IReadOnlyCollection<InetAddress>>([]);

        public ValueTask<IReadOnlyDictionary<InetAddress, string>> AddAsync(
            IReadOnlyCollection<InetAddress> addresses, CancellationToken cancellationToken) =>
            ValueTask.FromResult<IReadOnlyDictionary<InetAddress, string>>(
                addresses.ToDictionary(address => address, address => $"the address {address} cannot be made local: that needs CAP_NET_ADMIN"));

        public ValueTask<IReadOnlyDictionary<InetAddress, string>> RemoveAsync(
            IReadOnlyCollection<InetAddress> addresses, CancellationToken cancellationToken) =>
            ValueTask.FromResult<IReadOnlyDictionary<InetAddress, string>>(new Dictionary<InetAddress, string>());

        public void Dispose()
        {
        }
    }
}
