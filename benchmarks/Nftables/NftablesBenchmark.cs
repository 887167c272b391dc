using System.Diagnostics;
using System.Globalization;
using ProxyFramework.Backends.Nftables;
using ProxyFramework.Core.Sources;
using ProxyFramework.Testing;

namespace ProxyFramework.Benchmarks.Nftables;

/// <summary>
/// The nftables mode against what the kernel itself takes for the same elements, and against <c>nft -f</c>, by the number of services.
/// </summary>
internal sealed class NftablesBenchmark : IBenchmark
{
    private const int Changes = 20_000;
    private const int Warmup = 2_000;
    private const int ChangesPerSecond = 1_000;
    private static readonly TimeSpan SustainedFor = TimeSpan.FromSeconds(10);

    public string Name => "nftables";

    public string Summary => "loads, restarts, changes and first packets in nftables mode; arguments: --csv FILE, numbers of services";

    public async Task<int> RunAsync(string[] arguments)
    {
        var csv = Array.IndexOf(arguments, "--csv") is var at and >= 0 ? arguments[at + 1] : null;
        int[] sizes = [.. arguments.Where(text => char.IsAsciiDigit(text[0])).Select(text => int.Parse(text, CultureInfo.InvariantCulture))];
        if (sizes.Length == 0)
        {
            sizes = [100, 10_000, 50_000];
        }

        // So that none of what is measured pays for the compiler.
        await MeasureAsync(2_000);
        List<Row> rows = [];
        foreach (var services in sizes)
        {
            rows.Add(await MeasureAsync(services));
        }

        Print("Loads", "| services | kernel alone | ours | ours / kernel | CPU, objects to kernel | nft -f | nft -f / ours | restart |", rows, row =>
            $"{Milliseconds(row.Kernel)} | {Milliseconds(row.Load)} | {row.Load / row.Kernel:N2} | {Milliseconds(row.Cpu)} | {Milliseconds(row.NftLoad)} | {row.NftLoad / row.Load:N1} | {Milliseconds(row.Restart)}");
        Print("One change, p50 / p99", "| services | endpoint replaced, kernel alone | endpoint replaced | with the node view | one endpoint more or fewer | one service more or fewer | nft -f, endpoint replaced | nft -f / ours (p50) |", rows, row =>
            $"{row.KernelReplaced} | {row.Replaced} | {row.WithView} | {row.Resized} | {row.Added} | {Milliseconds(row.NftChange)} | {row.NftChange.TotalMicroseconds / row.Replaced.P50:N0}");
        Print($"{ChangesPerSecond:N0} random changes a second for {SustainedFor.TotalSeconds:N0} s", "| services | done a second | CPU of one core |", rows, row =>
            $"{row.Sustained.Rate:N0} | {row.Sustained.Cpu:P0}");
        Print("Connection set-up through the node, p50 / p99", "| services | through a service | to a pod directly |", rows, row =>
            $"{row.ThroughService} | {row.Direct}");
        if (csv is not null)
        {
            await File.WriteAllLinesAsync(csv, rows.Select(row => string.Create(
                CultureInfo.InvariantCulture, $"{row.Services} {row.Replaced.P50} {row.Replaced.P99} {row.NftChange.TotalMicroseconds}")));
        }

        return 0;
    }

    private static async Task<Row> MeasureAsync(int services)
    {
        TimeSpan kernel;
        Latency kernelReplaced;
        using (var place = NetworkNamespace.Create())
        {
            var view = Cluster.Load(services);
            view.TakeChanges();
            using var replacements = Replacements(services);
            (kernel, var times) = RawBatches.Commit(place, view, Enumerable.Range(0, Warmup + Changes).Select(_ => Next(replacements)));
            kernelReplaced = Percentiles(times[Warmup..]);
        }

        GC.Collect();
        using var network = new FirstPacket();
        var cpuBefore = Environment.CpuUsage.TotalTime;
        var loaded = Cluster.Load(services);
        var rig = BackendRig.Start(new NftablesBackend(), network.Node, loaded);
        loaded.TakeChanges();
        var clock = Stopwatch.StartNew();
        rig.ApplyAll();
        var (load, cpu) = (clock.Elapsed, Environment.CpuUsage.TotalTime - cpuBefore);

        await rig.DisposeAsync();
        rig = BackendRig.Start(new NftablesBackend(), network.Node, loaded);
        clock.Restart();
        rig.ApplyAll();
        var restart = clock.Elapsed;

        var through = new Latency(network.Measure(services));
        var direct = new Latency(network.MeasureDirect());
        using var others = Replacements(services);
        var (replaced, withView) = Time(_ => rig.Apply(Next(others)));
        var (resized, _) = Time(i => rig.Apply(new SourceEvent.EndpointSliceUpserted(Cluster.Slice((i >> 1) % services, 0, Cluster.EndpointsPerService + (~i & 1)))));
        var (added, _) = Time(i => AddOrRemove(rig, services + (i >> 1), isAdded: (i & 1) == 0));
        var sustained = Sustain(rig, services);
        var (nftLoad, nftChange) = NftProgram.Measure(network.Node);
        await rig.DisposeAsync();
        return new Row(services, kernel, load, cpu, restart, nftLoad, nftChange, kernelReplaced, replaced, withView, resized, added, sustained, through, direct);
    }

    /// <summary>Replaces one endpoint each of services at random, always by another one; never the ones that were there at first.</summary>
    private static IEnumerator<SourceEvent.EndpointSliceUpserted> Replacements(int services)
    {
        var random = new Random(1);
        var generations = new byte[services];
        while (true)
        {
            var number = random.Next(services);
            generations[number] = (byte)((generations[number] % 7) + 1);
            yield return new(Cluster.Slice(number, generations[number]));
        }
    }

    private static T Next<T>(IEnumerator<T> items) => items.MoveNext() ? items.Current : throw new InvalidOperationException("no more");

    private static TimeSpan AddOrRemove(BackendRig rig, int number, bool isAdded)
    {
        var (service, slice) = (Cluster.Service(number), Cluster.Slice(number, 0));
        if (isAdded)
        {
            return rig.Apply(new SourceEvent.ServiceUpserted(service), new SourceEvent.EndpointSliceUpserted(slice));
        }

        return rig.Apply(new SourceEvent.ServiceDeleted(service.Name), new SourceEvent.EndpointSliceDeleted(slice.Name));
    }

    /// <summary>Times changes: from the change set to the acknowledgement, and from the event at the node view.</summary>
    private static (Latency FromChangeSet, Latency FromEvent) Time(Func<int, TimeSpan> change)
    {
        var (fromChangeSet, fromEvent) = (new double[Changes], new double[Changes]);
        for (var i = -Warmup; i < Changes; i++)
        {
            var started = Stopwatch.GetTimestamp();
            var elapsed = change(i + Warmup);
            if (i >= 0)
            {
                fromChangeSet[i] = elapsed.TotalMicroseconds;
                fromEvent[i] = Stopwatch.GetElapsedTime(started).TotalMicroseconds;
            }
        }

        return (Percentiles(fromChangeSet), Percentiles(fromEvent));
    }

    private static Latency Percentiles(double[] times)
    {
        Array.Sort(times);
        return new Latency((times[Changes / 2], times[Changes * 99 / 100]));
    }

    /// <summary>Changes at an even pace.</summary>
    private static (double Rate, double Cpu) Sustain(BackendRig rig, int services)
    {
        var random = new Random(2);
        var cpu = Environment.CpuUsage.TotalTime;
        var clock = Stopwatch.StartNew();
        var done = 0;
        while (clock.Elapsed < SustainedFor)
        {
            while (done < clock.Elapsed.TotalSeconds * ChangesPerSecond)
            {
                rig.Apply(new SourceEvent.EndpointSliceUpserted(Cluster.Slice(random.Next(services), random.Next(1, 5))));
                done++;
            }

            Thread.Sleep(1);
        }

        return (done / clock.Elapsed.TotalSeconds, (Environment.CpuUsage.TotalTime - cpu) / clock.Elapsed);
    }

    private static void Print(string title, string header, List<Row> rows, Func<Row, FormattableString> columns)
    {
        Console.WriteLine($"\n{title}\n\n{header}\n|{string.Concat(Enumerable.Repeat("---:|", header.Count(letter => letter == '|') - 1))}");
        foreach (var row in rows)
        {
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {row.Services:N0} | {FormattableString.Invariant(columns(row))} |"));
        }
    }

    private static string Milliseconds(TimeSpan time) => string.Create(CultureInfo.InvariantCulture, $"{time.TotalMilliseconds:N0} ms");

    /// <summary>Microseconds.</summary>
    private readonly record struct Latency(double P50, double P99)
    {
        public Latency((double P50, double P99) both)
            : this(both.P50, both.P99)
        {
        }

        public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{P50:N0} / {P99:N0} µs");
    }

    private sealed record Row(
        int Services,
        TimeSpan Kernel,
        TimeSpan Load,
        TimeSpan Cpu,
        TimeSpan Restart,
        TimeSpan NftLoad,
        TimeSpan NftChange,
        Latency KernelReplaced,
        Latency Replaced,
        Latency WithView,
        Latency Resized,
        Latency Added,
        (double Rate, double Cpu) Sustained,
        Latency ThroughService,
        Latency Direct);
}
