using ProxyFramework.ApiServerStandIn;
using ProxyFramework.Core.Sources;

namespace ProxyFramework.Kubernetes.Tests;

/// <summary>The first list, in both forms.</summary>
public sealed class ListTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Everything_is_published_then_complete_then_each_change(bool isStreaming)
    {
        await using var server = await ServerAsync(isStreaming);
        server.Fill(1200);
        await using var run = await SourceRun.CompleteAsync(server);

        Assert.Equal((1200, 1200), (run.ServiceCount, run.SliceCount));
        Assert.Equal("192.0.2.1", run.Node!.Addresses.Single().ToString());
        Assert.Equal("zone-a", run.Node.Zone);
        Assert.Equal("10.244.1.10 10.244.2.10", run.Addresses(1199));
        Assert.IsType<SourceEvent.Complete>(run.Batches[^1].Single());
        Assert.Equal(isStreaming ? 0 : 3 + 3 + 1, server.Requests.Count(one => !one.Contains("watch=true", StringComparison.Ordinal)));

        server.Store.Put(ResourceType.EndpointSlices, Cluster.Slice(7, "10.244.9.9"));
        server.Store.Delete(ResourceType.Services, "default", Cluster.Name(8).Name);
        server.Store.Put(ResourceType.Services, Cluster.Service(5000));
        await run.UntilAsync(() => run.Addresses(7) == "10.244.9.9" && run.Service(Cluster.Name(8)) is null && run.Service(Cluster.Name(5000)) is not null);
        Assert.Equal(0, run.Log.Count(Microsoft.Extensions.Logging.LogLevel.Warning));
    }

    [Theory]
    [InlineData(true, null, "web-00001")]
    [InlineData(false, null, "web-00001")]
    [InlineData(true, "mine", "web-00002")]
    public async Task Only_what_this_proxy_serves_is_asked_for(bool isStreaming, string? proxyName, string expected)
    {
        await using var server = await ServerAsync(isStreaming);
        server.Store.Put(ResourceType.Services, Cluster.Service(1));
        server.Store.Put(ResourceType.Services, Cluster.Service(2, "mine"));
        server.Store.Put(ResourceType.Services, Cluster.Service(3, "other"));
        var headless = Cluster.Slice(4, "10.244.1.1");
        headless["metadata"]!["labels"]!["service.kubernetes.io/headless"] = "";
        server.Store.Put(ResourceType.EndpointSlices, headless);
        server.Store.Put(ResourceType.EndpointSlices, Cluster.Slice(1, "10.244.1.1"));
        server.Store.Put(ResourceType.Nodes, Cluster.NodeObject());
        server.Store.Put(ResourceType.Nodes, Cluster.NodeObject("node-2"));

        await using var run = await SourceRun.CompleteAsync(server, options => options.ServiceProxyName = proxyName);

        Assert.NotNull(run.Service(new("default", expected)));
        Assert.Equal((1, 1), (run.ServiceCount, run.SliceCount));
        Assert.Equal(Cluster.Node, run.Node!.Name);
    }

    [Fact]
    public async Task A_service_that_is_given_to_another_proxy_is_gone()
    {
        await using var server = await ServerAsync(true);
        server.Fill(2);
        await using var run = await SourceRun.CompleteAsync(server);

        server.Store.Put(ResourceType.Services, Cluster.Service(1, "other"));

        await run.UntilAsync(() => run.Service(Cluster.Name(1)) is null);
        Assert.NotNull(run.Service(Cluster.Name(0)));
    }

    [Theory]
    [InlineData(true, "services")]
    [InlineData(false, "services")]
    [InlineData(true, "endpointslices")]
    [InlineData(false, "endpointslices")]
    public async Task It_is_not_complete_before_both_kinds_are(bool isStreaming, string late)
    {
        await using var server = await ServerAsync(isStreaming);
        server.Fill(10);
        server.Faults.Refuse(request => request.Path.Value!.EndsWith(late, StringComparison.Ordinal), 503, "ServiceUnavailable", "not yet", times: int.MaxValue);
        await using var run = SourceRun.Start(server);

        await run.UntilAsync(() => run.ServiceCount + run.SliceCount == 10 && run.Node is not null);
        Assert.False(run.IsComplete);

        server.Faults.Clear();
        await run.UntilAsync(() => run.IsComplete);
        Assert.Equal((10, 10), (run.ServiceCount, run.SliceCount));
    }

    [Fact]
    public async Task The_node_is_waited_for()
    {
        await using var server = await ServerAsync(true);
        server.Store.Put(ResourceType.Services, Cluster.Service(1));
        await using var run = SourceRun.Start(server, options => options.NeedsPodCidrs = true);
        await run.UntilAsync(() => run.ServiceCount == 1 && server.WatchCount == 3);

        server.Store.Put(ResourceType.Nodes, Cluster.NodeObject(podCidr: null));
        await run.UntilAsync(() => run.Node is not null);
        Assert.False(run.IsComplete);

        server.Store.Put(ResourceType.Nodes, Cluster.NodeObject());
        await run.UntilAsync(() => run.IsComplete);
    }

    [Fact]
    public async Task The_node_is_not_waited_for_longer_than_the_limit()
    {
        await using var server = await ServerAsync(true);
        await using var run = SourceRun.Start(server, options => options.NodeTimeout = TimeSpan.FromMilliseconds(300));

        await run.UntilAsync(() => run.IsComplete);
        Assert.Contains("There is no Node node-1", run.Log.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_object_that_cannot_be_read_is_reported_and_what_it_last_was_stays()
    {
        await using var server = await ServerAsync(true);
        server.Fill(3);
        await using var run = await SourceRun.CompleteAsync(server);

        var broken = Cluster.Service(1);
        broken["spec"] = "nonsense";
        server.Store.Put(ResourceType.Services, broken);
        await run.UntilAsync(() => run.Problems.Count > 0);
        Assert.Contains("Service default/web-00001", run.Problems[0].ToString(), StringComparison.Ordinal);

        // Not even a new list takes it away.
        server.Compact();
        server.CutWatches();
        server.Store.Put(ResourceType.Services, Cluster.Service(2, port: 81));
        await run.UntilAsync(() => run.Service(Cluster.Name(2))!.Ports[0].Port == 81);
        Assert.Equal(80, run.Service(Cluster.Name(1))!.Ports[0].Port);
    }

    internal static async Task<StandInServer> ServerAsync(bool isStreaming)
    {
        var server = await StandInServer.StartAsync();
        server.Faults.HasStreamingLists = isStreaming;
        return server;
    }
}
