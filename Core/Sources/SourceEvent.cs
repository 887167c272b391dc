using ProxyFramework.Core.Objects;

namespace ProxyFramework.Core.Sources;

/// <summary>What a source says: an object is now so, an object is gone, or all that there is has been said.</summary>
public abstract record SourceEvent
{
    private SourceEvent()
    {
    }

    /// <summary>A Service was added or changed.</summary>
    /// <param name="Service">What it is now.</param>
    public sealed record ServiceUpserted(Service Service) : SourceEvent;

    /// <summary>A Service is gone.</summary>
    /// <param name="Name">Which one.</param>
    public sealed record ServiceDeleted(NamespacedName Name) : SourceEvent;

    /// <summary>An EndpointSlice was added or changed.</summary>
    /// <param name="Slice">What it is now.</param>
    public sealed record EndpointSliceUpserted(EndpointSlice Slice) : SourceEvent;

    /// <summary>An EndpointSlice is gone.</summary>
    /// <param name="Name">Which one.</param>
    public sealed record EndpointSliceDeleted(NamespacedName Name) : SourceEvent;

    /// <summary>A Node was added or changed.</summary>
    /// <param name="Node">What it is now.</param>
    public sealed record NodeUpserted(Node Node) : SourceEvent;

    /// <summary>A Node is gone.</summary>
    /// <param name="Name">Which one.</param>
    public sealed record NodeDeleted(string Name) : SourceEvent;

    /// <summary>The source has published everything that it found at its start.</summary>
    public sealed record Complete : SourceEvent;
}
