using System.Diagnostics;
using System.Globalization;
using ProxyFramework.Core.Sources;

namespace ProxyFramework.Benchmarks;

/// <summary>What one endpoint change costs in the node view, and how much memory its whole state takes, by the number of services.</summary>
internal sealed class NodeViewBenchmark : IBenchmark
{
    private const int Warmup = 20_000;
    private const int Iterations = 20_000;
    private const double MemoryTarget = 150;

    public string Name => "node-view";

    public string Summary => "one endpoint change through the node view, and the memory of its state";

    public Task<int> RunAsync(string[] arguments)
    {
        Console.WriteLine($"Node view: {Cluster.EndpointsPerService} endpoints a service, {Iterations:N0} one-endpoint changes through Apply and TakeChanges");
        Console.WriteLine("| services | first computation | p50 | p99 | allocated a change | managed memory of the whole state |");
        Console.WriteLine("|---:|---:|---:|---:|---:|---:|");
        var met = true;
        Measure(100);
        foreach (var services in (ReadOnlySpan<int>)[100, 10_000, 50_000])
        {
            var row = Measure(services);
            met &= row.Megabytes < MemoryTarget;
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"| {services:N0} | {row.First.TotalMilliseconds:N1} ms | {row.P50:N2} µs | {row.P99:N2} µs | {row.Allocated:N0} B | {row.Megabytes:N1} MB |"));
        }

        Console.WriteLine(met ? $"Memory is under {MemoryTarget:N0} MB." : $"Memory is NOT under {MemoryTarget:N0} MB.");
        return Task.FromResult(met ? 0 : 1);
    }

    private static Row Measure(int services)
    {
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var clock = Stopwatch.StartNew();
        var view = Cluster.Load(services);
        view.TakeChanges();
        var first = clock.Elapsed;

        // The sync loop keeps a dictionary of its own of the same service ports: count it.
        var desired = new Dictionary<ServicePortKey, ServicePort>(view.ServicePorts);
        var bytes = GC.GetTotalMemory(forceFullCollection: true) - before;

        var random = new Random(1);
        var times = new double[Iterations];
        var allocated = 0L;
        for (var i = -Warmup; i < Iterations; i++)
        {
            // The event is the source's work; what is measured is the view's.
            SourceEvent change = new SourceEvent.EndpointSliceUpserted(Cluster.Slice(random.Next(services), generation: (i & 3) + 1));
            var allocatedBefore = GC.GetAllocatedBytesForCurrentThread();
            var started = Stopwatch.GetTimestamp();
            view.Apply(change);
            var changes = view.TakeChanges();
            var elapsed = Stopwatch.GetElapsedTime(started);
            if (i >= 0)
            {
                times[i] = elapsed.TotalMicroseconds;
                allocated += GC.GetAllocatedBytesForCurrentThread() - allocatedBefore;
            }

            GC.KeepAlive(changes);
        }

        GC.KeepAlive(desired);
        GC.KeepAlive(view);
        Array.Sort(times);
        return new Row(first, times[Iterations / 2], times[Iterations * 99 / 100], allocated / Iterations, bytes / 1e6);
    }

    private readonly record struct Row(TimeSpan First, double P50, double P99, long Allocated, double Megabytes);
}
