using BenchmarkDotNet.Attributes;
using ProxyFramework.Core.Sources;
using ProxyFramework.Core.View;

namespace ProxyFramework.Benchmarks;

/// <summary>One endpoint change through Apply and TakeChanges.</summary>
[MemoryDiagnoser]
public class OneEndpointChange
{
    private NodeView _view = Cluster.NewView();
    private SourceEvent[] _changes = [];
    private int _next;

    [Params(100, 10_000)]
    public int Services { get; set; }

    [GlobalSetup]
    public void SetUp()
    {
        _view = Cluster.Load(Services);
        _view.TakeChanges();
        _changes = [.. Enumerable.Range(1, 2).Select(generation => new SourceEvent.EndpointSliceUpserted(Cluster.Slice(Services / 2, generation)))];
    }

    [Benchmark]
    public NodeViewChanges ApplyAndTake()
    {
        _view.Apply(_changes[_next ^= 1]);
        return _view.TakeChanges();
    }
}
