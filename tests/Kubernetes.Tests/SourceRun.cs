using System.Diagnostics;
using System.Runtime.CompilerServices;
using ProxyFramework.ApiServerStandIn;
using ProxyFramework.Core.Objects;
using ProxyFramework.Core.Sources;
using ProxyFramework.Sources.Kubernetes;

namespace ProxyFramework.Kubernetes.Tests;

/// <summary>The source at work, with what it has published.</summary>
internal sealed class SourceRun : ISourceSink, IAsyncDisposable
{
    private readonly Lock _gate = new();
    private readonly string _folder = Directory.CreateTempSubdirectory("svcproxy-test-").FullName;
    private readonly CancellationTokenSource _ending = new();
    private readonly Dictionary<NamespacedName, Service> _services = [];
    private readonly Dictionary<NamespacedName, EndpointSlice> _slices = [];
    private readonly List<IReadOnlyList<SourceEvent>> _batches = [];
    private readonly List<ObjectProblem> _problems = [];
    private Node? _node;
    private bool _isComplete;
    private Task _task = Task.CompletedTask;

    private SourceRun()
    {
    }

    public LogLines Log { get; } = new();

    public bool IsComplete => Locked(() => _isComplete);

    public Node? Node => Locked(() => _node);

    public int ServiceCount => Locked(() => _services.Count);

    public int SliceCount => Locked(() => _slices.Count);

    public IReadOnlyList<ObjectProblem> Problems => Locked(() => (ObjectProblem[])[.. _problems]);

    /// <summary>Every call of <c>PublishAsync</c> so far.</summary>
    public IReadOnlyList<IReadOnlyList<SourceEvent>> Batches => Locked(() => (IReadOnlyList<SourceEvent>[])[.. _batches]);

    public string Folder => _folder;

    /// <summary>Starts it against a server.</summary>
    public static SourceRun Start(StandInServer server, Action<KubernetesSourceOptions>? configure = null, string? kubeconfig = null)
    {
        var run = new SourceRun();
        var options = new KubernetesSourceOptions
        {
            Kubeconfig = run.Write("kubeconfig", kubeconfig ?? Kubeconfig.WithCertificate(server)),
            NodeName = Cluster.Node,
        };
        configure?.Invoke(options);
        var source = new KubernetesSource(options, TimeProvider.System, run.Log);
        run._task = Task.Run(() => source.RunAsync(run, run._ending.Token));
        return run;
    }

    /// <summary>Starts it, and waits until it is complete and watches.</summary>
    public static async Task<SourceRun> CompleteAsync(StandInServer server, Action<KubernetesSourceOptions>? configure = null, string? kubeconfig = null)
    {
        var run = Start(server, configure, kubeconfig);
        await run.UntilAsync(() => run.IsComplete && server.WatchCount == 3);
        return run;
    }

    public string Write(string name, string text)
    {
        var path = Path.Combine(_folder, name);
        File.WriteAllText(path, text);
        return path;
    }

    public Service? Service(NamespacedName name) => Locked(() => _services.GetValueOrDefault(name));

    public EndpointSlice? Slice(NamespacedName name) => Locked(() => _slices.GetValueOrDefault(name));

    /// <summary>The addresses of a slice's endpoints; empty where there is none.</summary>
    public string Addresses(int index) => string.Join(' ', Slice(Cluster.SliceName(index))?.Endpoints.Select(one => one.Address.ToString()) ?? []);

    public async Task UntilAsync(Func<bool> condition, [CallerArgumentExpression(nameof(condition))] string what = "", double seconds = 30)
    {
        var clock = Stopwatch.StartNew();
        while (!condition())
        {
            if (_task.IsFaulted)
            {
                await _task;
            }

            Assert.True(
                clock.Elapsed < TimeSpan.FromSeconds(seconds), $"not seen: {what}; {ServiceCount} services, {SliceCount} slices, complete: {IsComplete}\n{Log.Text}");
            await Task.Delay(10);
        }
    }

    public ValueTask PublishAsync(IReadOnlyList<SourceEvent> events, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            _batches.Add(events);
            foreach (var change in events)
            {
                Apply(change);
            }
        }

        return ValueTask.CompletedTask;
    }

    public void Report(ObjectProblem problem) => Locked(() =>
    {
        _problems.Add(problem);
        return true;
    });

    public async ValueTask DisposeAsync()
    {
        await _ending.CancelAsync();
        await _task.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _ending.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private void Apply(SourceEvent change)
    {
        switch (change)
        {
            case SourceEvent.ServiceUpserted { Service: var service }:
                _services[service.Name] = service;
                break;
            case SourceEvent.ServiceDeleted { Name: var name }:
                Assert.True(_services.Remove(name));
                break;
            case SourceEvent.EndpointSliceUpserted { Slice: var slice }:
                _slices[slice.Name] = slice;
                break;
            case SourceEvent.EndpointSliceDeleted { Name: var name }:
                Assert.True(_slices.Remove(name));
                break;
            case SourceEvent.NodeUpserted { Node: var node }:
                _node = node;
                break;
            case SourceEvent.NodeDeleted:
                _node = null;
                break;
            case SourceEvent.Complete:
                Assert.False(_isComplete, "complete is said once");
                _isComplete = true;
                break;
            default:
                break;
        }
    }

    private T Locked<T>(Func<T> read)
    {
        lock (_gate)
        {
            return read();
        }
    }
}
