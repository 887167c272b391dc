using System.Diagnostics;
using System.Globalization;
using ProxyFramework.Core.Sources;
using ProxyFramework.Testing;

namespace ProxyFramework.Benchmarks.Nftables;

/// <summary>
/// The nftables mode against what the kernel itself takes for the same elements, and against <c>nft -f</c>, by the number of services.
/// </summary>
internal sealed class NftablesBenchmark : IBenchmark
{
    private const int Changes = 2_000;

    public string Name => "nftables";

    public string Summary => "loads, restarts and single changes in nftables mode; arguments: numbers of services";

    public async Task<int> RunAsync(string[] arguments)
    {
        int[] sizes = arguments.Length > 0 ? [.. arguments.Select(text => int.Parse(text, CultureInfo.InvariantCulture))] : [100, 10_000, 50_000];
        await MeasureAsync(100, Console.Error);
        Console.WriteLine("| services | kernel alone | ours, first load | ratio | CPU from objects on | nft -f | restart | replaced p50 / p99 | ±1 endpoint p50 / p99 | ±1 service p50 / p99 | nft -f, one endpoint |");
        Console.WriteLine("|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
        foreach (var services in sizes)
        {
            await MeasureAsync(services, Console.Out);
        }

        return 0;
    }

    private static async Task MeasureAsync(int services, TextWriter output)
    {
        using var rawPlace = NetworkNamespace.Create();
        var view = Cluster.Load(services);
        view.TakeChanges();
        var raw = RawBatches.Commit(rawPlace, view);
        GC.Collect();

        using var place = NetworkNamespace.Create();
        var cpuBefore = Process.GetCurrentProcess().TotalProcessorTime;
        view = Cluster.Load(services);
        var rig = NftablesRig.Start(place, view);
        view.TakeChanges();
        var clock = Stopwatch.StartNew();
        rig.ApplyAll();
        var load = clock.Elapsed;
        var cpu = Process.GetCurrentProcess().TotalProcessorTime - cpuBefore;

        await rig.DisposeAsync();
        rig = NftablesRig.Start(place, view);
        clock.Restart();
        rig.ApplyAll();
        var restart = clock.Elapsed;

        var random = new Random(1);
        var replaced = Percentiles(i => rig.Apply(new SourceEvent.EndpointSliceUpserted(Cluster.Slice(random.Next(services), (i & 3) + 1))));
        var resized = Percentiles(i => rig.Apply(new SourceEvent.EndpointSliceUpserted(Cluster.Slice((i >> 1) % services, 0, Cluster.EndpointsPerService + (~i & 1)))));
        var added = Percentiles(i =>
        {
            var name = services + (i >> 1);
            if ((i & 1) == 0)
            {
                rig.Apply(new SourceEvent.ServiceUpserted(Cluster.Service(name)), new SourceEvent.EndpointSliceUpserted(Cluster.Slice(name, 0)));
            }
            else
            {
                rig.Apply(new SourceEvent.ServiceDeleted(Cluster.Service(name).Name), new SourceEvent.EndpointSliceDeleted(Cluster.Slice(name, 0).Name));
            }
        });
        var (nftLoad, nftChange) = NftProgram.Measure(place);
        await rig.DisposeAsync();
        await output.WriteLineAsync(string.Create(
            CultureInfo.InvariantCulture,
            $"| {services:N0} | {raw.TotalMilliseconds:N0} ms | {load.TotalMilliseconds:N0} ms | {load / raw:N2} | {cpu.TotalMilliseconds:N0} ms | {nftLoad.TotalMilliseconds:N0} ms | {restart.TotalMilliseconds:N0} ms | {replaced} | {resized} | {added} | {nftChange.TotalMilliseconds:N1} ms |"));
    }

    private static string Percentiles(Action<int> change)
    {
        const int Warmup = 200;
        var times = new double[Changes];
        for (var i = -Warmup; i < Changes; i++)
        {
            var started = Stopwatch.GetTimestamp();
            change(i + Warmup);
            if (i >= 0)
            {
                times[i] = Stopwatch.GetElapsedTime(started).TotalMicroseconds;
            }
        }

        Array.Sort(times);
        return string.Create(CultureInfo.InvariantCulture, $"{times[Changes / 2]:N0} / {times[Changes * 99 / 100]:N0} µs");
    }
}
