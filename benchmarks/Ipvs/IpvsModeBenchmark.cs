using System.Diagnostics;
using System.Globalization;
using ProxyFramework.Backends.Ipvs;
using ProxyFramework.Core.Sources;
using ProxyFramework.Netlink.Ipvs;
using ProxyFramework.Testing;

namespace ProxyFramework.Benchmarks.Ipvs;

/// <summary>
/// The IPVS mode by the number of services, against <c>ipvsadm -R</c> with the same virtual and real servers, in network namespaces.
/// Needs root and a kernel with IPVS:
/// <c>scripts/vm/run.sh -- dotnet artifacts/bin/benchmarks/release/ProxyFramework.benchmarks.dll ipvs-mode</c>.
/// </summary>
internal sealed class IpvsModeBenchmark : IBenchmark
{
    private const int Changes = 1_000;

    public string Name => "ipvs-mode";

    public string Summary => "loads, restarts and changes in IPVS mode, against ipvsadm -R; arguments: numbers of services (100 10000)";

    public async Task<int> RunAsync(string[] arguments)
    {
        int[] sizes = arguments.Length == 0 ? [100, 10_000] : [.. arguments.Select(text => int.Parse(text, CultureInfo.InvariantCulture))];
        if (IpvsSupport.Probe("rr") is { IsComplete: false } support)
        {
            Console.Error.WriteLine(string.Join('\n', support.Problems));
            return 1;
        }

        // So that none of what is measured pays for the compiler.
        await MeasureAsync(500);
        Console.WriteLine("| services | ipvsadm -R | ours, all of it | ipvsadm -R / ours | restart | one endpoint replaced, p50 / p99 | one service more or fewer, p50 / p99 |");
        Console.WriteLine("|---:|---:|---:|---:|---:|---:|---:|");
        foreach (var size in sizes)
        {
            Console.WriteLine(await MeasureAsync(size));
        }

        return 0;
    }

    private static async Task<string> MeasureAsync(int services)
    {
        using var node = NetworkNamespace.Create();
        var view = Cluster.Load(services);
        view.TakeChanges();
        var rig = BackendRig.Start(new IpvsBackend(), node, view);
        var clock = Stopwatch.StartNew();
        rig.ApplyAll();
        var load = clock.Elapsed;
        await rig.DisposeAsync();

        var saved = node.Exec("ipvsadm", "-Sn");
        rig = BackendRig.Start(new IpvsBackend(), node, view);
        clock.Restart();
        rig.ApplyAll();
        var restart = clock.Elapsed;

        var random = new Random(1);
        var replaced = Percentiles(i => rig.Apply(new SourceEvent.EndpointSliceUpserted(Cluster.Slice(random.Next(services), (i & 3) + 1))));
        var added = Percentiles(i => AddOrRemove(rig, services + (i >> 1), isAdded: (i & 1) == 0));
        await rig.DisposeAsync();

        using var other = NetworkNamespace.Create();
        clock.Restart();
        using var program = other.Start("ipvsadm", "-R");
        await program.StandardInput.WriteAsync(saved);
        program.StandardInput.Close();
        await program.WaitForExitAsync();
        var restore = clock.Elapsed;
        if (program.ExitCode != 0)
        {
            throw new InvalidOperationException($"ipvsadm -R: {await program.StandardError.ReadToEndAsync()}");
        }

        return string.Create(
            CultureInfo.InvariantCulture,
            $"| {services:N0} | {restore.TotalMilliseconds:N0} ms | {load.TotalMilliseconds:N0} ms | {restore / load:N1} | {restart.TotalMilliseconds:N0} ms | {replaced} | {added} |");
    }

    private static TimeSpan AddOrRemove(BackendRig rig, int number, bool isAdded)
    {
        var (service, slice) = (Cluster.Service(number), Cluster.Slice(number, 0));
        return isAdded
            ? rig.Apply(new SourceEvent.ServiceUpserted(service), new SourceEvent.EndpointSliceUpserted(slice))
            : rig.Apply(new SourceEvent.ServiceDeleted(service.Name), new SourceEvent.EndpointSliceDeleted(slice.Name));
    }

    private static string Percentiles(Func<int, TimeSpan> change)
    {
        const int Warmup = 100;
        var times = new List<double>();
        for (var i = 0; i < Changes + Warmup; i++)
        {
            var time = change(i);
            if (i >= Warmup)
            {
                times.Add(time.TotalMicroseconds);
            }
        }

        times.Sort();
        return string.Create(CultureInfo.InvariantCulture, $"{times[Changes / 2]:N0} / {times[Changes * 99 / 100]:N0} µs");
    }
}
