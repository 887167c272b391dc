using System.Collections.Concurrent;
using ProxyFramework.Core.Objects;
using ProxyFramework.Core.Sources;
using Xunit;

namespace ProxyFramework.Core.Tests.Sources;

/// <summary>Replays what a source publishes, so that a test can wait for a state.</summary>
internal sealed class CollectingSink : ISourceSink
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, object> _objects = [];
    private readonly List<IReadOnlyList<SourceEvent>> _batches = [];
    private readonly ConcurrentQueue<ObjectProblem> _problems = new();

    public List<ObjectProblem> Problems => [.. _problems];

    public bool IsComplete { get; private set; }

    /// <summary>Called before each publication, so that a test can be a slow consumer.</summary>
    public Func<Task> BeforePublish { get; init; } = () => Task.CompletedTask;

    public async ValueTask PublishAsync(IReadOnlyList<SourceEvent> events, CancellationToken cancellationToken)
    {
        await BeforePublish();
        lock (_lock)
        {
            _batches.Add([.. events]);
            foreach (var change in events)
            {
                Apply(change);
            }
        }
    }

    public void Report(ObjectProblem problem) => _problems.Enqueue(problem);

    public Dictionary<string, object> Objects()
    {
        lock (_lock)
        {
            return new(_objects);
        }
    }

    public List<IReadOnlyList<SourceEvent>> Batches()
    {
        lock (_lock)
        {
            return [.. _batches];
        }
    }

    /// <summary>The names of the objects, ordered.</summary>
    public string Names()
    {
        lock (_lock)
        {
            return string.Join(" ", _objects.Keys.Order(StringComparer.Ordinal));
        }
    }

    public Service? Service(string name) => Objects().GetValueOrDefault($"Service default/{name}") as Service;

    private void Apply(SourceEvent change)
    {
        switch (change)
        {
            case SourceEvent.ServiceUpserted { Service: var service }:
                _objects[$"Service {service.Name}"] = service;
                break;
            case SourceEvent.EndpointSliceUpserted { Slice: var slice }:
                _objects[$"EndpointSlice {slice.Name}"] = slice;
                break;
            case SourceEvent.NodeUpserted { Node: var node }:
                _objects[$"Node {node.Name}"] = node;
                break;
            case SourceEvent.ServiceDeleted { Name: var name }:
                Assert.True(_objects.Remove($"Service {name}"), $"delete of unknown Service {name}");
                break;
            case SourceEvent.EndpointSliceDeleted { Name: var name }:
                Assert.True(_objects.Remove($"EndpointSlice {name}"), $"delete of unknown EndpointSlice {name}");
                break;
            case SourceEvent.NodeDeleted { Name: var name }:
                Assert.True(_objects.Remove($"Node {name}"), $"delete of unknown Node {name}");
                break;
            case SourceEvent.Complete:
                Assert.False(IsComplete, "complete was said twice");
                IsComplete = true;
                break;
        }
    }
}
