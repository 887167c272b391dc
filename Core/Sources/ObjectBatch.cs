using ProxyFramework.Core.Objects;

namespace ProxyFramework.Core.Sources;

/// <summary>Changes that take effect together; of several changes of one object, the last. Not thread-safe.</summary>
public sealed class ObjectBatch
{
    private readonly Dictionary<ObjectKey, object?> _changes = [];

    /// <summary>Each changed object, null for those that go.</summary>
    internal IReadOnlyDictionary<ObjectKey, object?> Changes => _changes;

    /// <summary>Adds or replaces a Service.</summary>
    public ObjectBatch Upsert(Service service) => Set(service);

    /// <summary>Adds or replaces an EndpointSlice.</summary>
    public ObjectBatch Upsert(EndpointSlice slice) => Set(slice);

    /// <summary>Adds or replaces a Node.</summary>
    public ObjectBatch Upsert(Node node) => Set(node);

    /// <summary>Removes a Service, if it is there.</summary>
    public ObjectBatch DeleteService(NamespacedName name) => Delete(new(ObjectKind.Service, name));

    /// <summary>Removes an EndpointSlice, if it is there.</summary>
    public ObjectBatch DeleteEndpointSlice(NamespacedName name) => Delete(new(ObjectKind.EndpointSlice, name));

    /// <summary>Removes a Node, if it is there.</summary>
    public ObjectBatch DeleteNode(string name) => Delete(new(ObjectKind.Node, new NamespacedName("", name)));

    internal ObjectBatch Set(object value)
    {
        ArgumentNullException.ThrowIfNull(value);
        _changes[ObjectKey.Of(value)] = value;
        return this;
    }

    internal ObjectBatch Delete(ObjectKey key)
    {
        _changes[key] = null;
        return this;
    }
}
