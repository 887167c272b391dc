using System.Collections.Immutable;
using ProxyFramework.Plugins.Schedulers;

namespace ProxyFramework.Userspace.Tests.Schedulers;

/// <summary>Schedulers, groups to pick from, and clients.</summary>
internal static class Fixtures
{
    public static readonly ConnectionKey Connection =
        new(InetAddress.Parse("192.0.2.1"), 4711, InetAddress.Parse("10.96.0.1"), 80);

    /// <summary>Every scheduler of the plugin, found as the host finds them: by its public classes.</summary>
    public static ImmutableArray<IScheduler> Every { get; } =
    [
        .. typeof(RoundRobinScheduler).Assembly.GetExportedTypes()
            .Where(type => type.IsAssignableTo(typeof(IScheduler)))
            .Select(type => (IScheduler)Activator.CreateInstance(type, type.GetConstructor([]) is null ? [TimeProvider.System] : [])!)
            .OrderBy(scheduler => scheduler.Name, StringComparer.Ordinal),
    ];

    /// <summary>One that is chosen by name, with options <c>OPTION=VALUE</c>.</summary>
    public static IScheduler Named(string name, params string[] options)
    {
        var scheduler = Every.Single(scheduler => scheduler.Name == name);
        return options.Length == 0
            ? scheduler
            : ((IConfigurableScheduler)scheduler).WithOptions(options.Select(option => option.Split('=')).ToDictionary(pair => pair[0], pair => pair[1]));
    }

    public static ImmutableArray<Endpoint> Group(params int[] weights) =>
        [.. weights.Select((weight, index) => new Endpoint(InetAddress.FromIPv4(0x0A00_0001u + (uint)index), 80, (ushort)weight))];

    public static ImmutableArray<Endpoint> Equal(int count) => Group([.. Enumerable.Repeat(1, count)]);

    public static PickerContext Context(
        ImmutableArray<Endpoint> endpoints, ImmutableArray<EndpointLoad> loads = default, IEndpointPicker? previous = null) =>
        new() { Endpoints = endpoints, Loads = loads.IsDefault ? [] : loads, Previous = previous };

    public static ImmutableArray<EndpointLoad> Loads(int count) =>
        [.. Enumerable.Range(0, count).Select(_ => new EndpointLoad())];

    public static IEndpointPicker Picker(IScheduler scheduler, ImmutableArray<Endpoint> endpoints, ImmutableArray<EndpointLoad> loads = default) =>
        scheduler.CreatePicker(Context(endpoints, loads.IsDefault ? Loads(endpoints.Length) : loads));

    public static int[] Picks(IEndpointPicker picker, int count) =>
        [.. Enumerable.Range(0, count).Select(_ => picker.Pick(Connection))];

    /// <summary>Clients, always the same ones: IPv4 and IPv6, to different frontends.</summary>
    public static ConnectionKey[] Clients(int count, int seed = 1)
    {
        var random = new Random(seed);
        var clients = new ConnectionKey[count];
        Span<byte> bytes = stackalloc byte[16];
        for (var i = 0; i < count; i++)
        {
            random.NextBytes(bytes);
            clients[i] = new ConnectionKey(
                InetAddress.FromBytes(i % 2 == 0 ? bytes[..4] : bytes), (ushort)random.Next(1024, 65536), InetAddress.FromIPv4((uint)random.Next()), 80);
        }

        return clients;
    }

    public static int[] PickFromThreads(IEndpointPicker picker, int endpoints, int threads, int picksEach)
    {
        var counts = new int[endpoints];
        var start = new Barrier(threads);
        var workers = Enumerable.Range(0, threads).Select(thread => new Thread(() =>
        {
            var clients = Clients(1000, seed: thread);
            start.SignalAndWait();
            for (var pick = 0; pick < picksEach; pick++)
            {
                Interlocked.Increment(ref counts[picker.Pick(clients[pick % clients.Length])]);
            }
        })).ToList();
        workers.ForEach(worker => worker.Start());
        workers.ForEach(worker => worker.Join());
        return counts;
    }

    public static int[] Count(IEndpointPicker picker, int endpoints, IEnumerable<ConnectionKey> clients)
    {
        var counts = new int[endpoints];
        foreach (var client in clients)
        {
            counts[picker.Pick(client)]++;
        }

        return counts;
    }

    public static double ChiSquared(IEnumerable<int> observed, IEnumerable<double> expected) =>
        observed.Zip(expected, (seen, due) => (seen - due) * (seen - due) / due).Sum();
}
