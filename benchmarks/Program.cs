using ProxyFramework.Benchmarks;
using ProxyFramework.Benchmarks.Iptables;
using ProxyFramework.Benchmarks.Ipvs;
using ProxyFramework.Benchmarks.Nftables;
using ProxyFramework.Benchmarks.Scale;

// dotnet run -c Release --project benchmarks -- NAME [ARGUMENTS]. A new benchmark is a class and a line here.
IBenchmark[] benchmarks =
[
    new NodeViewBenchmark(), new NodeViewProfile(), new ProxyStart(), new WriteManifests(), new NftablesBenchmark(), new IpvsBenchmark(),
    new IpvsModeBenchmark(), new IptablesBenchmark(), new SchedulerBenchmark(), new HealthCheckBenchmark(),
];

if (args.Length > 0 && Array.Find(benchmarks, benchmark => benchmark.Name == args[0]) is { } chosen)
{
    return await chosen.RunAsync(args[1..]);
}

Console.Error.WriteLine("usage: dotnet run -c Release --project benchmarks -- NAME [ARGUMENTS]");
foreach (var benchmark in benchmarks)
{
    Console.Error.WriteLine($"  {benchmark.Name,-20} {benchmark.Summary}");
}

return 2;
