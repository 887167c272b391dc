namespace ProxyFramework.Core.Sources;

/// <summary>
/// Where Services, EndpointSlices and Nodes come from. It emits what is there and then every change, and knows nothing else.
/// </summary>
public interface IServiceSource
{
    /// <summary>For messages: <c>manifests</c>, <c>kubernetes</c>, <c>in-memory</c>.</summary>
    string Name { get; }

    /// <summary>
    /// Publishes all objects, then <see cref="SourceEvent.Complete"/> once, then changes, until cancelled. Nothing is removed from the
    /// node before every source is complete.
    /// </summary>
    /// <param name="sink">Takes the events; one call at a time.</param>
    /// <param name="cancellationToken">Ends the source.</param>
    Task RunAsync(ISourceSink sink, CancellationToken cancellationToken);
}

/// <summary>Takes what a source emits.</summary>
public interface ISourceSink
{
    /// <summary>
    /// Takes events that belong together: they take effect in one change set. Waits where the consumer is behind.
    /// </summary>
    ValueTask PublishAsync(IReadOnlyList<SourceEvent> events, CancellationToken cancellationToken);

    /// <summary>Reports an object, or a field of one, that was refused.</summary>
    void Report(ObjectProblem problem);
}
