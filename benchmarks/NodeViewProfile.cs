using BenchmarkDotNet.Running;

namespace ProxyFramework.Benchmarks;

/// <summary>The same change under BenchmarkDotNet, for comparing two versions of the code with confidence intervals.</summary>
internal sealed class NodeViewProfile : IBenchmark
{
    public string Name => "node-view-profile";

    public string Summary => "one endpoint change under BenchmarkDotNet; takes its arguments";

    public Task<int> RunAsync(string[] arguments)
    {
        BenchmarkRunner.Run<OneEndpointChange>(args: arguments);
        return Task.FromResult(0);
    }
}
