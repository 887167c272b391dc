using System.Diagnostics;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using ProxyFramework.ApiServerStandIn;
using ProxyFramework.Core.Sources;

namespace ProxyFramework.Kubernetes.Tests;

/// <summary>Everything that an API server, and the way to it, does to a client sooner or later.</summary>
public sealed class FaultTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_watch_that_the_server_ends_or_that_is_cut_goes_on_from_where_it_was(bool isCut)
    {
        await using var server = await ListTests.ServerAsync(true);
        server.Fill(20);
        await using var run = await SourceRun.CompleteAsync(server);
        for (var round = 1; round <= 5; round++)
        {
            // Not all of a watch's places are told by an object of its own: bookmarks count as well.
            server.SendBookmarks();
            var requests = server.Requests.Count;
            if (isCut)
            {
                server.CutWatches();
            }
            else
            {
                server.CloseWatches();
            }

            server.Store.Put(ResourceType.EndpointSlices, Cluster.Slice(round, $"10.244.3.{round}"));
            await run.UntilAsync(() => run.Addresses(round) == $"10.244.3.{round}" && server.WatchCount == 3);
            Assert.All(server.Requests.Skip(requests), request =>
            {
                Assert.Contains("watch=true", request, StringComparison.Ordinal);
                Assert.DoesNotContain("sendInitialEvents", request, StringComparison.Ordinal);
                Assert.Matches("resourceVersion=[1-9]", request);
            });
        }

        Assert.Equal(5, run.Batches.SkipWhile(batch => batch[0] is not SourceEvent.Complete).Skip(1).Sum(batch => batch.Count));
    }

    [Theory]
    [InlineData(true, false)]
    [InlineData(true, true)]
    [InlineData(false, false)]
    public async Task After_410_Gone_only_the_differences_are_published_and_at_once(bool isStreaming, bool isByStatus)
    {
        await using var server = await ListTests.ServerAsync(isStreaming);
        server.Faults.TellsExpiryByStatus = isByStatus;
        server.Fill(1000);
        await using var run = await SourceRun.CompleteAsync(server);
        var before = run.Batches.Count;

        // While nobody watches: one changed, one gone, one new, and the history is forgotten.
        server.Faults.Refuse(_ => true, 503, "ServiceUnavailable", "away", times: int.MaxValue);
        server.CutWatches();
        await run.UntilAsync(() => run.Log.Text.Contains("away", StringComparison.Ordinal));
        server.Store.Put(ResourceType.EndpointSlices, Cluster.Slice(1, "10.244.7.7"));
        server.Store.Delete(ResourceType.EndpointSlices, "default", Cluster.SliceName(2).Name);
        server.Store.Put(ResourceType.EndpointSlices, Cluster.Slice(5000, "10.244.8.8"));
        server.Compact();
        server.Faults.Clear();

        await run.UntilAsync(() => run.Addresses(1) == "10.244.7.7" && server.WatchCount == 3);
        var batch = Assert.Single(run.Batches.Skip(before));
        Assert.Equal(3, batch.Count);
        Assert.Equal(Cluster.SliceName(2), Assert.Single(batch.OfType<SourceEvent.EndpointSliceDeleted>()).Name);
        Assert.Contains("listing again", run.Log.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_paged_list_whose_place_is_forgotten_begins_again()
    {
        await using var server = await ListTests.ServerAsync(false);
        server.Fill(1200);
        var compactions = 0;
        server.Faults.BeforePage = page =>
        {
            if (page == 1 && Interlocked.Increment(ref compactions) == 1)
            {
                server.Compact();
            }
        };
        await using var run = await SourceRun.CompleteAsync(server);

        Assert.Equal((1200, 1200), (run.ServiceCount, run.SliceCount));
        Assert.Contains("continue parameter is too old", run.Log.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Retry_After_is_waited_for()
    {
        await using var server = await ListTests.ServerAsync(true);
        server.Fill(3);
        var clock = Stopwatch.StartNew();
        TimeSpan refused = default, accepted = default;
        server.Faults.Replace(IsSlices, 1, response =>
        {
            refused = clock.Elapsed;
            response.StatusCode = 429;
            response.Headers.RetryAfter = "2";
            return response.WriteAsync(ApiErrorException.Status(429, "TooManyRequests", "busy").ToJsonString());
        });
        await using var run = SourceRun.Start(server);
        await run.UntilAsync(() => run.SliceCount == 3);
        accepted = clock.Elapsed;

        Assert.InRange(accepted - refused, TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(20));
        Assert.Contains("429 TooManyRequests: busy", run.Log.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(500)]
    [InlineData(502)]
    [InlineData(503)]
    [InlineData(504)]
    public async Task Server_errors_are_retried_logged_once_and_counted(int code)
    {
        using var counted = new Measurements();
        await using var server = await ListTests.ServerAsync(true);
        server.Fill(3);
        server.Faults.Replace(IsSlices, 4, response =>
        {
            // Not a Status object: a load balancer in between answers in HTML.
            response.StatusCode = code;
            return response.WriteAsync("<html>no backend\nis there</html>");
        });
        await using var run = await SourceRun.CompleteAsync(server);

        Assert.Equal(3, run.SliceCount);
        Assert.Equal(1, run.Log.Count(LogLevel.Warning));
        Assert.Contains($"{code} ", run.Log.Text, StringComparison.Ordinal);
        Assert.Contains("no backend is there", run.Log.Text, StringComparison.Ordinal);
        Assert.Contains("Watching endpointslices again", run.Log.Text, StringComparison.Ordinal);
        Assert.Equal(4, counted.Sum("failures", ("resource", "endpointslices"), ("reason", $"{code}")));
        Assert.Equal(1, counted.Sum("lists", ("resource", "endpointslices"), ("how", "streamed")));
        Assert.Equal(1, counted.Last("watching", ("resource", "endpointslices")));
        Assert.Equal(3, counted.Last("objects", ("resource", "endpointslices")));
    }

    [Fact]
    public async Task An_event_that_is_cut_in_the_middle_is_not_lost()
    {
        using var counted = new Measurements();
        await using var server = await ListTests.ServerAsync(true);
        server.Fill(10);
        await using var run = await SourceRun.CompleteAsync(server);
        server.Faults.TruncateNextEvent();
        server.Store.Put(ResourceType.EndpointSlices, Cluster.Slice(4, "10.244.4.4"));

        await run.UntilAsync(() => run.Addresses(4) == "10.244.4.4");
        Assert.Equal(1, counted.Sum("failures", ("resource", "endpointslices"), ("reason", "truncated")));
        Assert.Equal(10, run.SliceCount);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_list_that_is_cut_in_the_middle_begins_again_and_takes_nothing_away(bool isStreaming)
    {
        await using var server = await ListTests.ServerAsync(isStreaming);
        server.Fill(50);
        await using var run = await SourceRun.CompleteAsync(server);
        server.Faults.Replace(request => IsSlices(request) && (!request.Query.ContainsKey("watch") || request.Query.ContainsKey("sendInitialEvents")), 1, response =>
        {
            var whole = Cluster.Slice(0, "10.244.1.10", "10.244.2.10").ToJsonString();
            var start = isStreaming
                ? $"{{\"type\":\"ADDED\",\"object\":{whole}}}\n{{\"type\":\"ADDED\",\"obj"
                : $"{{\"metadata\":{{\"resourceVersion\":\"5000\"}},\"items\":[{whole},{{\"metadata\":{{\"na";
            return response.WriteAsync(start);
        });
        server.Compact();
        server.CutWatches();
        server.Store.Put(ResourceType.EndpointSlices, Cluster.Slice(4, "10.244.4.4"));

        await run.UntilAsync(() => run.Addresses(4) == "10.244.4.4");
        Assert.Equal(50, run.SliceCount);
        Assert.DoesNotContain(run.Batches.SelectMany(batch => batch), change => change is SourceEvent.EndpointSliceDeleted);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_connection_that_is_dead_but_looks_alive_is_given_up(bool isHttp2)
    {
        await using var server = await ListTests.ServerAsync(true);
        server.Fill(10);
        await server.StopAsync();
        server.HasHttp2 = isHttp2;
        await server.StartAgainAsync();
        await using var wire = new Wire(server.Address);
        await using var run = await SourceRun.CompleteAsync(
            server,
            options =>
            {
                options.ResponseTimeout = TimeSpan.FromSeconds(1);
                options.IdleTimeout = isHttp2 ? TimeSpan.FromMinutes(10) : TimeSpan.FromSeconds(3);
            },
            Kubeconfig.WithCertificate(server, $"https://{wire.Address}"));

        // Nothing is closed: bytes just do not arrive any more.
        wire.Freeze();
        server.Store.Put(ResourceType.EndpointSlices, Cluster.Slice(3, "10.244.3.3"));

        await run.UntilAsync(() => run.Addresses(3) == "10.244.3.3");
        Assert.Equal(10, run.SliceCount);
        Assert.Equal(10, run.ServiceCount);
    }

    [Fact]
    public async Task A_server_that_cannot_prove_who_it_is_is_not_believed_and_nothing_is_lost()
    {
        using var counted = new Measurements();
        await using var server = await ListTests.ServerAsync(true);
        server.Fill(10);
        await using var run = await SourceRun.CompleteAsync(server);
        server.Impersonate(true);
        server.CutConnections();

        await run.UntilAsync(() => counted.Sum("failures", ("reason", "tls")) > 0);
        server.Store.Put(ResourceType.EndpointSlices, Cluster.Slice(3, "10.244.3.3"));
        Assert.Equal((10, 10), (run.ServiceCount, run.SliceCount));
        Assert.NotEqual("10.244.3.3", run.Addresses(3));

        server.Impersonate(false);
        await run.UntilAsync(() => run.Addresses(3) == "10.244.3.3");
    }

    [Fact]
    public async Task A_server_that_is_gone_takes_nothing_away_and_what_changed_meanwhile_follows()
    {
        await using var server = await ListTests.ServerAsync(true);
        server.Fill(100);
        await using var run = await SourceRun.CompleteAsync(server);
        var before = run.Batches.Count;
        await server.StopAsync();
        await run.UntilAsync(() => run.Log.Count(LogLevel.Warning) >= 3);
        server.Store.Put(ResourceType.EndpointSlices, Cluster.Slice(3, "10.244.3.3"));
        server.Store.Delete(ResourceType.Services, "default", Cluster.Name(4).Name);
        Assert.Equal(before, run.Batches.Count);

        await server.StartAgainAsync();
        await run.UntilAsync(() => run.Addresses(3) == "10.244.3.3" && run.ServiceCount == 99);
        Assert.Equal(2, run.Batches.Skip(before).Sum(batch => batch.Count));
    }

    [Fact]
    public async Task A_server_whose_data_was_set_back_is_listed_anew()
    {
        await using var server = await ListTests.ServerAsync(false);
        server.Fill(10);
        await using var run = await SourceRun.CompleteAsync(server);
        server.Faults.Refuse(
            request => request.Query["resourceVersionMatch"] is ["NotOlderThan"], 504, "Timeout", "Too large resource version: 99, current: 9", times: int.MaxValue);
        server.Compact();
        server.CutWatches();
        server.Store.Put(ResourceType.EndpointSlices, Cluster.Slice(3, "10.244.3.3"));

        await run.UntilAsync(() => run.Addresses(3) == "10.244.3.3");
        Assert.Equal((10, 10), (run.ServiceCount, run.SliceCount));
    }

    private static bool IsSlices(HttpRequest request) => request.Path.Value!.EndsWith("/endpointslices", StringComparison.Ordinal);
}
