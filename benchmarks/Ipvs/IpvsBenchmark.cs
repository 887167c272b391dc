using System.Diagnostics;
using System.Globalization;
using System.Text;
using ProxyFramework.Netlink.Ipvs;
using ProxyFramework.Testing;

namespace ProxyFramework.Benchmarks.Ipvs;

/// <summary>
/// Loads the same virtual servers by one batch and by <c>ipvsadm -R</c>, each into an empty network namespace, and then adds single
/// real servers. Needs root and a kernel with IPVS: <c>scripts/vm/run.sh -- dotnet artifacts/bin/benchmarks/release/ProxyFramework.benchmarks.dll ipvs</c>.
/// </summary>
internal sealed class IpvsBenchmark : IBenchmark
{
    private const double WantedRatio = 10;

    public string Name => "ipvs";

    public string Summary => "loads virtual servers over netlink and by ipvsadm -R; arguments: services (10000), destinations each (5)";

    public Task<int> RunAsync(string[] arguments)
    {
        var services = arguments.Length > 0 ? int.Parse(arguments[0], CultureInfo.InvariantCulture) : 10_000;
        var destinations = arguments.Length > 1 ? int.Parse(arguments[1], CultureInfo.InvariantCulture) : 5;
        if (IpvsSupport.Probe("rr") is { IsComplete: false } support)
        {
            Console.Error.WriteLine(string.Join('\n', support.Problems));
            return Task.FromResult(1);
        }

        // Compiles what is measured.
        using (var warm = NetworkNamespace.Create())
        {
            Load(warm, 500, destinations);
        }

        using var batched = NetworkNamespace.Create();
        var (written, executed) = Load(batched, services, destinations);
        var added = AddOne(batched, services);
        using var restored = NetworkNamespace.Create();
        var restore = Restore(restored, services, destinations);
        var ratio = restore / (written + executed);

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{services} virtual servers x {destinations} real servers"));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  batch: written        {written.TotalMilliseconds,10:F0} ms"));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  batch: carried out    {executed.TotalMilliseconds,10:F0} ms"));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  ipvsadm -R            {restore.TotalMilliseconds,10:F0} ms, {ratio:F1} times as long (wanted: {WantedRatio})"));
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"  one real server added {added.Median.TotalMilliseconds,10:F3} ms median, {added.Worst.TotalMilliseconds:F3} ms p99"));
        return Task.FromResult(ratio >= WantedRatio ? 0 : 1);
    }

    private static (TimeSpan Written, TimeSpan Executed) Load(NetworkNamespace place, int services, int destinations)
    {
        using var ipvs = place.Run(IpvsNetlink.Open);
        using var batch = ipvs.CreateBatch();
        var start = Stopwatch.GetTimestamp();
        for (var service = 0; service < services; service++)
        {
            var key = Key(service);
            batch.AddService(new IpvsService(key, "rr"));
            for (var index = 0; index < destinations; index++)
            {
                batch.AddDestination(key, new IpvsDestination(Endpoint(service, index), 8080));
            }
        }

        var written = Stopwatch.GetElapsedTime(start);
        start = Stopwatch.GetTimestamp();
        ipvs.Execute(batch);
        var executed = Stopwatch.GetElapsedTime(start);
        Check(ipvs, services, destinations);
        return (written, executed);
    }

    private static TimeSpan Restore(NetworkNamespace place, int services, int destinations)
    {
        var lines = new StringBuilder();
        for (var service = 0; service < services; service++)
        {
            var name = string.Create(CultureInfo.InvariantCulture, $"-t {Key(service).Address}:{Key(service).Port}");
            lines.Append(CultureInfo.InvariantCulture, $"-A {name} -s rr\n");
            for (var index = 0; index < destinations; index++)
            {
                lines.Append(CultureInfo.InvariantCulture, $"-a {name} -r {Endpoint(service, index)}:8080 -m -w 1\n");
            }
        }

        var start = Stopwatch.GetTimestamp();
        using var process = place.Start("ipvsadm", "-R");
        process.StandardInput.Write(lines);
        process.StandardInput.Close();
        process.WaitForExit();
        var elapsed = Stopwatch.GetElapsedTime(start);
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"ipvsadm -R: {process.StandardError.ReadToEnd()}");
        }

        using var ipvs = place.Run(IpvsNetlink.Open);
        Check(ipvs, services, destinations);
        return elapsed;
    }

    private static (TimeSpan Median, TimeSpan Worst) AddOne(NetworkNamespace place, int services)
    {
        const int Rounds = 500;
        using var ipvs = place.Run(IpvsNetlink.Open);
        using var batch = ipvs.CreateBatch();
        var times = new TimeSpan[Rounds];
        for (var round = 0; round < Rounds; round++)
        {
            batch.Reset();
            batch.AddDestination(Key(round % services), new IpvsDestination(Endpoint(services + round, 0), 9090));
            var start = Stopwatch.GetTimestamp();
            ipvs.Execute(batch);
            times[round] = Stopwatch.GetElapsedTime(start);
        }

        Array.Sort(times);
        return (times[Rounds / 2], times[Rounds * 99 / 100]);
    }

    private static void Check(IpvsNetlink ipvs, int services, int destinations)
    {
        var found = (ipvs.GetServices().Count, ipvs.GetDestinations(Key(services - 1)).Count);
        if (found != (services, destinations))
        {
            throw new InvalidOperationException($"{found} virtual and real servers are there instead of {(services, destinations)}");
        }
    }

    private static IpvsServiceKey Key(int service) => new(TransportProtocol.Tcp, InetAddress.FromIPv4(0x0A60_0000u + (uint)service + 1), 80);

    private static InetAddress Endpoint(int service, int index) => InetAddress.FromIPv4(0x0A80_0000u + ((uint)service * 8) + (uint)index + 1);
}
