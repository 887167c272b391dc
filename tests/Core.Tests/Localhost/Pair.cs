using System.Collections.Concurrent;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using ProxyFramework.Core.Localhost;
using ProxyFramework.Core.Plugins;
using ProxyFramework.Core.Sync;
using ProxyFramework.Core.Tests.Sync;

namespace ProxyFramework.Core.Tests.Localhost;

/// <summary>A scripted backend for node ports on localhost, to be put beside the one that a <see cref="LoopRun"/> makes.</summary>
internal sealed class Pair
{
    private static readonly Route ViaCluster = new(TrafficPolicy.Cluster, Masquerade: true);
    private static readonly Route ViaLocal = new(TrafficPolicy.Local, Masquerade: false);

    private readonly MessageLog _messages = new();

    public Pair(TimeProvider time) => Companion = new ScriptedBackend { Name = LocalhostNodePortBackend.CompanionName, Time = time };

    public ScriptedBackend Companion { get; }

    public IReadOnlyCollection<string> Messages => _messages.Texts;

    public static IConfiguration Settings { get; } = new ConfigurationBuilder()
        .AddInMemoryCollection([new("userspace:retries", "7")]).Build().GetSection(LocalhostNodePortBackend.CompanionName);

    /// <summary>The chosen backend with the companion beside it.</summary>
    public LocalhostNodePortBackend Compose(IBackend chosen, SyncLoopOptions? options = null) => new(
        chosen,
        new CompanionBackend(chosen.Name, Companion, null, options ?? new SyncLoopOptions(), Companion.Time, _messages),
        Settings);

    /// <summary>The chosen backend where there is no companion.</summary>
    public LocalhostNodePortBackend ComposeWithout(IBackend chosen, string whyNone) => new(
        chosen, new CompanionBackend(chosen.Name, null, whyNone, new SyncLoopOptions(), Companion.Time, _messages), Settings);

    /// <summary>What a backend is started with, for nobody who wants to know of drift.</summary>
    public static BackendContext Context(TimeProvider time) => new()
    {
        LoggerFactory = NullLoggerFactory.Instance,
        TimeProvider = time,
        Schedulers = new SchedulerCatalog(new Dictionary<string, IScheduler>()),
        Settings = new ConfigurationBuilder().Build(),
        ReportDrift = static _ => { },
    };

    /// <summary>A loop whose backend is the composition.</summary>
    public static (LoopRun Run, Pair Pair) Start(Action<ScriptedBackend>? companion = null, SyncLoopOptions? options = null)
    {
        Pair? pair = null;
        var run = new LoopRun(
            options,
            null,
            (chosen, time) =>
            {
                pair = new Pair(time);
                companion?.Invoke(pair.Companion);
                return pair.Compose(chosen, options);
            });
        return (run, pair!);
    }

    /// <summary>A node with these node port addresses.</summary>
    public static NodeState Node(params string[] addresses) => new()
    {
        Name = "here",
        NodePortAddresses = [.. addresses.Select(address => InetAddress.Parse(address))],
        InterfaceAddresses = [InetAddress.Parse("127.0.0.1"), InetAddress.Parse("192.0.2.1"), InetAddress.Parse("::1")],
    };

    /// <summary>A service port with a node port; of its two groups the version decides the one that cluster IPs use.</summary>
    public static ServicePort WithNodePort(string name, int version = 1, bool local = false)
    {
        var port = Ports.Port(name, version);
        var group = EndpointGroup.Forward([new Endpoint(InetAddress.Parse("10.0.0.2"), (ushort)(version % 2 + 1))]);
        return new ServicePort
        {
            Key = port.Key,
            Frontends =
            [
                .. port.Frontends,
                new Frontend(FrontendKind.NodePort, InetAddress.Parse("0.0.0.0"), (ushort)(30000 + name[0]), local ? ViaLocal : ViaCluster, ViaCluster, ViaCluster),
            ],
            Cluster = port.Cluster,
            Local = local ? group : port.Cluster,
            Scheduler = "rr",
        };
    }

    private sealed class MessageLog : ILogger<CompanionBackend>
    {
        private readonly ConcurrentQueue<string> _texts = new();

        public IReadOnlyCollection<string> Texts => _texts;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            _texts.Enqueue(formatter(state, exception));
    }
}
