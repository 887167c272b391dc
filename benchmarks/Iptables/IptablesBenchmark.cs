using System.Diagnostics;
using System.Globalization;
using ProxyFramework.Backends.Iptables;
using ProxyFramework.Benchmarks.Nftables;
using ProxyFramework.Core.Sources;
using ProxyFramework.Testing;

namespace ProxyFramework.Benchmarks.Iptables;

/// <summary>
/// The iptables mode against <c>iptables-restore</c> of the rules that kube-proxy writes for the same services, in both flavours. The
/// latter is the program alone: what kube-proxy itself does before is not counted.
/// </summary>
internal sealed class IptablesBenchmark : IBenchmark
{
    /// <summary>More services than this in kube-proxy's layout take the nft flavour longer than anyone waits.</summary>
    private const int MostForKubeProxy = 10_000;

    private const int Changes = 15;

    public string Name => "iptables";

    public string Summary => "loads, changes and connection set-up in iptables mode, against kube-proxy's rules; arguments: --flavour legacy|nft, numbers of services";

    public async Task<int> RunAsync(string[] arguments)
    {
        string[] flavours = Array.IndexOf(arguments, "--flavour") is var at and >= 0 ? [arguments[at + 1]] : ["legacy", "nft"];
        int[] sizes = [.. arguments.Where(text => char.IsAsciiDigit(text[0])).Select(text => int.Parse(text, CultureInfo.InvariantCulture))];
        List<Row> rows = [];
        foreach (var flavour in flavours)
        {
            // So that none of what is measured pays for the compiler.
            await OursAsync(flavour, 500);
            foreach (var services in sizes.Length == 0 ? [1_000, 10_000, 50_000] : sizes)
            {
                var ours = await OursAsync(flavour, services);
                rows.Add(new(flavour, services, ours, services <= MostForKubeProxy ? KubeProxys(flavour, services) : null));
            }
        }

        Print("Loads", "ours | kube-proxy's rules | kube-proxy's / ours | restart | our rules, chains | kube-proxy's rules, chains", rows, row =>
            $"{Milliseconds(row.Ours.Load)} | {Milliseconds(row.KubeProxy?.Load)} | {row.KubeProxy?.Load / row.Ours.Load:N1} | {Milliseconds(row.Ours.Restart)} | {row.Ours.Size} | {row.KubeProxy?.Size}");
        Print("One endpoint replaced, median", "ours | kube-proxy's rules | kube-proxy's / ours | that service's chains alone | those / ours", rows, row =>
            $"{Milliseconds(row.Ours.Change)} | {Milliseconds(row.KubeProxy?.Change)} | {row.KubeProxy?.Change / row.Ours.Change:N1} | {Milliseconds(row.KubeProxy?.Chains)} | {row.KubeProxy?.Chains / row.Ours.Change:N1}");
        Print("Connection set-up through the node, p50 / p99", "ours, first service | ours, last service | kube-proxy's, first | kube-proxy's, last | to a pod directly", rows, row =>
            $"{row.Ours.First} | {row.Ours.Last} | {row.KubeProxy?.First} | {row.KubeProxy?.Last} | {row.Ours.Direct}");
        return rows.All(static row => row.MeetsTargets) ? 0 : 1;
    }

    private static async Task<Layout> OursAsync(string flavour, int services)
    {
        using var network = new FirstPacket();
        (string, string)[] settings = [("flavour", flavour), ("canary-seconds", "3600")];
        var view = Cluster.Load(services);
        view.TakeChanges();
        var rig = BackendRig.Start(new IptablesBackend(), network.Node, view, settings);
        var clock = Stopwatch.StartNew();
        rig.ApplyAll();
        var load = clock.Elapsed;

        await rig.DisposeAsync();
        rig = BackendRig.Start(new IptablesBackend(), network.Node, view, settings);
        clock.Restart();
        rig.ApplyAll();
        var restart = clock.Elapsed;

        var changes = Enumerable.Range(1, Changes).Select(i => rig.Apply(new SourceEvent.EndpointSliceUpserted(Cluster.Slice(i * 37 % services, i % 4 + 1)))).ToList();
        var (first, last, direct) = (network.MeasureOne(0), network.MeasureOne(services - 1), network.MeasureDirect());
        var size = Size(network.Node, flavour);
        await rig.DisposeAsync();
        return new(load, Median(changes), default, restart, size, new(first), new(last), new(direct));
    }

    private static Layout KubeProxys(string flavour, int services)
    {
        using var network = new FirstPacket();
        var restore = new Restore(network.Node, flavour);
        var rules = new KubeProxyRules { PodRange = "100.64.0.0/10" };
        var all = Enumerable.Range(0, services).Select(i => Service(i, 0)).ToArray();
        var load = restore.Run(rules.Full(all));
        foreach (var (table, chain, rule) in KubeProxyRules.Jumps)
        {
            network.Node.Exec($"iptables-{flavour}", ["-w", "5", "-t", table, "-I", chain, .. rule]);
        }

        List<TimeSpan> whole = [], chains = [];
        for (var i = 1; i <= 6; i++)
        {
            var index = i * 37 % services;
            var before = all[index];
            all[index] = Service(index, i);
            (i % 2 == 0 ? whole : chains).Add(restore.Run(i % 2 == 0 ? rules.Partial(all, all[index], before) : KubeProxyRules.Chains(all[index], before, rules.PodRange)));
        }

        var (first, last) = (network.MeasureOne(0), network.MeasureOne(services - 1));
        return new(load, Median(whole), Median(chains), default, Size(network.Node, flavour), new(first), new(last), default);
    }

    private static KubeProxyService Service(int index, int generation)
    {
        var (service, slice) = (Cluster.Service(index), Cluster.Slice(index, generation % 4));
        return new($"{service.Name}:http", service.ClusterIPs[0].ToString(), 80, [.. slice.Endpoints.Select(static endpoint => $"{endpoint.Address}:8080")]);
    }

    private static string Size(NetworkNamespace node, string flavour)
    {
        var saved = node.Exec($"iptables-{flavour}-save").Split('\n');
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{saved.Count(static line => line.StartsWith("-A KUBE-", StringComparison.Ordinal)):N0}, {saved.Count(static line => line.StartsWith(":KUBE-", StringComparison.Ordinal)):N0}");
    }

    private static TimeSpan Median(List<TimeSpan> times) => times.Order().ElementAt(times.Count / 2);

    private static string Milliseconds(TimeSpan? time) => time is { } value ? string.Create(CultureInfo.InvariantCulture, $"{value.TotalMilliseconds:N0} ms") : "–";

    private static void Print(string title, string header, List<Row> rows, Func<Row, FormattableString> columns)
    {
        Console.WriteLine($"\n{title}\n\n| flavour | services | {header} |\n|---|---:|{string.Concat(Enumerable.Repeat("---:|", header.Count(static letter => letter == '|') + 1))}");
        foreach (var row in rows)
        {
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {row.Flavour} | {row.Services:N0} | {FormattableString.Invariant(columns(row)).Replace("|  |", "| – |", StringComparison.Ordinal)} |"));
        }
    }

    private sealed record Layout(
        TimeSpan Load, TimeSpan Change, TimeSpan Chains, TimeSpan Restart, string Size, Microseconds First, Microseconds Last, Microseconds Direct);

    private sealed record Row(string Flavour, int Services, Layout Ours, Layout? KubeProxy)
    {
        /// <summary>For 10,000 services: loads six times as fast, changes three times as fast.</summary>
        public bool MeetsTargets => Services != MostForKubeProxy || (KubeProxy!.Load / Ours.Load >= 6 && KubeProxy.Change / Ours.Change >= 3);
    }
}

/// <summary>p50 and p99 of a time.</summary>
internal readonly record struct Microseconds(double P50, double P99)
{
    public Microseconds((double P50, double P99) both)
        : this(both.P50, both.P99)
    {
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{P50:N0} / {P99:N0} µs");
}
