using System.Diagnostics;
using System.Globalization;
using ProxyFramework.Plugins.Schedulers;

namespace ProxyFramework.Benchmarks;

/// <summary>What a pick of each scheduler costs, by the number of endpoints, and what it allocates.</summary>
internal sealed class SchedulerBenchmark : IBenchmark
{
    private static readonly int[] Sizes = [3, 30, 300];

    public string Name => "schedulers";

    public string Summary => "nanoseconds a pick of each scheduler, on one thread and on all at once";

    public Task<int> RunAsync(string[] arguments)
    {
        var clients = Clients();
        var allocated = 0L;
        Console.WriteLine($"Nanoseconds a pick, connections open; the last column: {Environment.ProcessorCount} threads at once, {Sizes[1]} endpoints");
        Console.WriteLine($"| scheduler | {string.Join(" | ", Sizes.Select(size => $"{size} endpoints"))} | {Environment.ProcessorCount} threads |");
        Console.WriteLine($"|---|{string.Concat(Enumerable.Repeat("---:|", Sizes.Length + 1))}");
        foreach (var scheduler in Schedulers())
        {
            var row = Sizes.Select(size => Measure(MakePicker(scheduler, size), clients, ref allocated)).ToArray();
            var contended = MeasureThreads(MakePicker(scheduler, Sizes[1]), clients);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"| `{scheduler.Name}` | {string.Join(" | ", row.Select(time => time.ToString("N0", CultureInfo.InvariantCulture)))} | {contended:N0} |"));
        }

        Console.WriteLine(allocated == 0 ? "No pick allocates." : $"Picks ALLOCATE: {allocated} bytes in all.");
        return Task.FromResult(allocated == 0 ? 0 : 1);
    }

    private static IEnumerable<IScheduler> Schedulers() => typeof(RoundRobinScheduler).Assembly.GetExportedTypes()
        .Where(type => type.IsAssignableTo(typeof(IScheduler)))
        .Select(type => (IScheduler)Activator.CreateInstance(type, type.GetConstructor([]) is null ? [TimeProvider.System] : [])!)
        .OrderBy(scheduler => scheduler.Name, StringComparer.Ordinal);

    private static IEndpointPicker MakePicker(IScheduler scheduler, int size)
    {
        var random = new Random(1);
        var loads = Enumerable.Range(0, size).Select(_ => new EndpointLoad()).ToArray();
        foreach (var load in loads)
        {
            load.AnswerReceived(TimeSpan.FromMilliseconds(random.Next(1, 20)));
            for (var open = random.Next(1, 20); open > 0; open--)
            {
                load.ConnectionOpened();
            }
        }

        return scheduler.CreatePicker(new PickerContext
        {
            Endpoints = [.. Enumerable.Range(0, size).Select(index => new Endpoint(InetAddress.FromIPv4(0x0A00_0001u + (uint)index), 80, (ushort)random.Next(1, 10)))],
            Loads = [.. loads],
        });
    }

    private static ConnectionKey[] Clients()
    {
        var random = new Random(1);
        return
        [
            .. Enumerable.Range(0, 1024).Select(_ => new ConnectionKey(
                InetAddress.FromIPv4((uint)random.Next()), (ushort)random.Next(1024, 65536), InetAddress.FromIPv4(0x0A60_0001), 80)),
        ];
    }

    private static double Measure(IEndpointPicker picker, ConnectionKey[] clients, ref long allocated)
    {
        Pick(picker, clients, TimeSpan.FromMilliseconds(150));
        var before = GC.GetAllocatedBytesForCurrentThread();
        var time = Pick(picker, clients, TimeSpan.FromMilliseconds(150));
        allocated += GC.GetAllocatedBytesForCurrentThread() - before;
        return time;
    }

    private static double MeasureThreads(IEndpointPicker picker, ConnectionKey[] clients)
    {
        var times = new double[Environment.ProcessorCount];
        var threads = Enumerable.Range(0, times.Length).Select(thread => new Thread(() => times[thread] = Pick(picker, clients, TimeSpan.FromMilliseconds(300)))).ToList();
        threads.ForEach(thread => thread.Start());
        threads.ForEach(thread => thread.Join());
        return times.Average();
    }

    private static double Pick(IEndpointPicker picker, ConnectionKey[] clients, TimeSpan duration)
    {
        var (picks, sum) = (0L, 0L);
        var started = Stopwatch.GetTimestamp();
        TimeSpan elapsed;
        do
        {
            foreach (ref readonly var client in clients.AsSpan())
            {
                sum += picker.Pick(client);
            }

            picks += clients.Length;
            elapsed = Stopwatch.GetElapsedTime(started);
        }
        while (elapsed < duration);

        return sum < 0 ? throw new InvalidOperationException("a pick is negative") : elapsed.TotalNanoseconds / picks;
    }
}
