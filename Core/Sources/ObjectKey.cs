using ProxyFramework.Core.Objects;

namespace ProxyFramework.Core.Sources;

/// <summary>The kinds of objects that sources emit.</summary>
internal enum ObjectKind : byte
{
    Node,
    Service,
    EndpointSlice,
}

/// <summary>What identifies an object among all that a source emits.</summary>
internal readonly record struct ObjectKey(ObjectKind Kind, NamespacedName Name)
{
    /// <summary>The event that says that this object is gone.</summary>
    public SourceEvent Deleted => Kind switch
    {
        ObjectKind.Service => new SourceEvent.ServiceDeleted(Name),
        ObjectKind.EndpointSlice => new SourceEvent.EndpointSliceDeleted(Name),
        _ => new SourceEvent.NodeDeleted(Name.Name),
    };

    /// <summary>The key of a Service, an EndpointSlice or a Node.</summary>
    public static ObjectKey Of(object value) => value switch
    {
        Service service => new(ObjectKind.Service, service.Name),
        EndpointSlice slice => new(ObjectKind.EndpointSlice, slice.Name),
        Node node => new(ObjectKind.Node, new NamespacedName("", node.Name)),
        _ => throw new ArgumentException($"a source does not emit a {value.GetType().Name}", nameof(value)),
    };

    /// <summary>The event that says what an object is now.</summary>
    public static SourceEvent Upserted(object value) => value switch
    {
        Service service => new SourceEvent.ServiceUpserted(service),
        EndpointSlice slice => new SourceEvent.EndpointSliceUpserted(slice),
        Node node => new SourceEvent.NodeUpserted(node),
        _ => throw new ArgumentException($"a source does not emit a {value.GetType().Name}", nameof(value)),
    };

    /// <summary>As messages write it: <c>Service default/web</c>.</summary>
    public override string ToString() => $"{Kind} {Name}";
}
