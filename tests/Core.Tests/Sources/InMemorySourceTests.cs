using CsCheck;
using ProxyFramework.Core.Objects;
using ProxyFramework.Core.Sources;
using Xunit;

namespace ProxyFramework.Core.Tests.Sources;

public class InMemorySourceTests
{
    private static readonly Gen<(int Operation, int Name, int Port)> Change = Gen.Select(Gen.Int[0, 4], Gen.Int[0, 3], Gen.Int[80, 82]);

    [Fact]
    public async Task What_was_there_is_published_then_complete_then_changes()
    {
        var source = new InMemorySource();
        source.Upsert(Web(1));
        source.Upsert(new Node { Name = "n" });
        source.DeleteNode("n");
        await using var run = await SourceRun.StartAsync(source);
        Assert.Equal("Service default/web-1", run.Sink.Names());
        source.Upsert(new Node { Name = "n" });
        source.Upsert(new EndpointSlice { Name = new("default", "s"), ServiceName = "web-1", AddressType = IPFamily.IPv4 });
        await run.ObjectsAsync("Node n EndpointSlice default/s Service default/web-1");
        source.DeleteService(new("default", "web-1"));
        source.DeleteEndpointSlice(new("default", "s"));
        source.DeleteNode("n");
        source.DeleteNode("never there");
        await run.ObjectsAsync("");
    }

    [Fact]
    public async Task The_changes_of_a_batch_are_published_together()
    {
        var source = new InMemorySource();
        await using var run = await SourceRun.StartAsync(source);
        source.Apply(new ObjectBatch().Upsert(Web(1)).Upsert(Web(2)).Upsert(new Node { Name = "n" }));
        await run.ObjectsAsync("Node n Service default/web-1 Service default/web-2");
        Assert.Equal(3, Assert.Single(run.Sink.Batches().Skip(1)).Count);
        source.Replace([Web(2), Web(3)], [], []);
        await run.ObjectsAsync("Service default/web-2 Service default/web-3");
        Assert.Equal(
            ["NodeDeleted", "ServiceDeleted", "ServiceUpserted"],
            Assert.Single(run.Sink.Batches().Skip(2)).Select(change => change.GetType().Name).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task What_changes_nothing_is_not_published()
    {
        var source = new InMemorySource();
        source.Upsert(Web(1));
        await using var run = await SourceRun.StartAsync(source);
        source.Upsert(Web(1));
        source.Replace([Web(1)], [], []);
        source.Upsert(Web(2));
        await run.ObjectsAsync("Service default/web-1 Service default/web-2");
        Assert.Single(run.Sink.Batches().SelectMany(batch => batch).OfType<SourceEvent.ServiceUpserted>(), change => change.Service.Name.Name == "web-1");
    }

    [Fact]
    public async Task Complete_waits_to_be_said_where_it_was_asked_to()
    {
        var source = new InMemorySource(isComplete: false);
        source.Upsert(Web(1));
        var sink = new CollectingSink();
        using var stop = new CancellationTokenSource();
        var running = Task.Run(() => source.RunAsync(sink, stop.Token));
        await Eventually.TrueAsync(() => sink.Names().Length > 0);
        source.Upsert(Web(2));
        await Eventually.TrueAsync(() => sink.Objects().Count == 2);
        Assert.False(sink.IsComplete);
        source.MarkComplete();
        await Eventually.TrueAsync(() => sink.IsComplete);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
    }

    [Fact]
    public async Task A_slow_consumer_neither_holds_up_the_writer_nor_misses_the_end()
    {
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var sink = new CollectingSink { BeforePublish = () => gate.Task };
        var source = new InMemorySource();
        source.Upsert(Web(1));
        using var stop = new CancellationTokenSource();
        var running = Task.Run(() => source.RunAsync(sink, stop.Token));
        for (var port = 1; port <= 10_000; port++)
        {
            source.Upsert(Web(1, port));
        }

        gate.SetResult();
        await Eventually.TrueAsync(() => sink.Service("web-1")?.Ports[0].Port == 10_000);
        Assert.InRange(sink.Batches().Count, 1, 4);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
    }

    [Fact]
    public async Task It_can_run_again_but_not_twice_at_once()
    {
        var source = new InMemorySource();
        source.Upsert(Web(1));
        await using (var run = await SourceRun.StartAsync(source))
        {
            await Assert.ThrowsAsync<InvalidOperationException>(() => source.RunAsync(run.Sink, CancellationToken.None));
        }

        source.Upsert(Web(2));
        await using var again = await SourceRun.StartAsync(source);
        Assert.Equal("Service default/web-1 Service default/web-2", again.Sink.Names());
    }

    [Fact]
    public async Task A_manifest_is_applied_and_its_problems_are_returned()
    {
        var source = new InMemorySource();
        var problems = source.ApplyManifest(ManifestFolder.ServiceYaml("a") + "---\nkind: [\n---\n" + """{"apiVersion":"v1","kind":"Node","metadata":{"name":"n"}}""", "test");
        Assert.StartsWith("test, document 2 (line 8): line 10, column 1: ", Assert.Single(problems).ToString(), StringComparison.Ordinal);
        await using var run = await SourceRun.StartAsync(source);
        Assert.Equal("Node n Service default/a", run.Sink.Names());
    }

    [Fact]
    public Task Published_events_replayed_equal_what_was_put_in() => Change.Array[0, 60].SampleAsync(
        async changes =>
        {
            var source = new InMemorySource();
            var expected = new Dictionary<string, Service>();
            await using var run = await SourceRun.StartAsync(source);
            foreach (var (operation, name, port) in changes)
            {
                var service = Web(name, port);
                switch (operation)
                {
                    case 0:
                        source.DeleteService(service.Name);
                        expected.Remove($"Service {service.Name}");
                        break;
                    case 1:
                        source.Replace([service], [], []);
                        expected = new() { [$"Service {service.Name}"] = service };
                        break;
                    case 2:
                        await Task.Yield();
                        break;
                    default:
                        source.Upsert(service);
                        expected[$"Service {service.Name}"] = service;
                        break;
                }
            }

            await Eventually.TrueAsync(() => run.Sink.Objects() is var found && found.Count == expected.Count
                && expected.All(pair => pair.Value.Equals(found.GetValueOrDefault(pair.Key))));
        },
        iter: 300);

    private static Service Web(int i, int port = 80) =>
        new() { Name = new("default", $"web-{i}"), Ports = [new("", TransportProtocol.Tcp, (ushort)port, 0)] };

    private sealed class SourceRun : IAsyncDisposable
    {
        private readonly CancellationTokenSource _stop = new();
        private readonly Task _running;

        private SourceRun(InMemorySource source)
        {
            _running = Task.Run(() => source.RunAsync(Sink, _stop.Token));
        }

        public CollectingSink Sink { get; } = new();

        public static async Task<SourceRun> StartAsync(InMemorySource source)
        {
            var run = new SourceRun(source);
            await Eventually.TrueAsync(() => run.Sink.IsComplete);
            return run;
        }

        public Task ObjectsAsync(string names)
        {
            var expected = string.Join(' ', names.Split(" ", StringSplitOptions.RemoveEmptyEntries).Chunk(2).Select(pair => string.Join(' ', pair)).Order(StringComparer.Ordinal));
            return Eventually.TrueAsync(() => Sink.Names() == expected, () => $"expected {expected}, found {Sink.Names()}");
        }

        public async ValueTask DisposeAsync()
        {
            await _stop.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _running);
            _stop.Dispose();
        }
    }
}
