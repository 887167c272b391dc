using System.Runtime.InteropServices;
using ProxyFramework.Core.Objects;
using ProxyFramework.Core.Sources;

namespace ProxyFramework.Sources.Kubernetes;

/// <summary>
/// The objects of one collection as they were last published, so that only differences are: by value, not by resourceVersion, which
/// changes with every field of an object, and means another thing after a cluster was set back to a backup.
/// </summary>
internal sealed class KnownObjects
{
    private readonly Dictionary<NamespacedName, Known> _objects = [];
    private int _list;

    /// <summary>How many there are.</summary>
    public int Count => _objects.Count;

    /// <summary>A list of everything begins: what it does not mention is gone.</summary>
    public void BeginList() => _list++;

    /// <summary>The object is now so.</summary>
    /// <returns>The event to publish; null where nothing is different.</returns>
    public SourceEvent? Upsert(NamespacedName name, object value)
    {
        ref var known = ref CollectionsMarshal.GetValueRefOrAddDefault(_objects, name, out _);
        var isSame = known.Value is not null && known.Value.Equals(value);
        known = new Known(isSame ? known.Value! : value, _list);
        return isSame ? null : value switch
        {
            Service service => new SourceEvent.ServiceUpserted(service),
            EndpointSlice slice => new SourceEvent.EndpointSliceUpserted(slice),
            Node node => new SourceEvent.NodeUpserted(node),
            _ => throw new ArgumentException($"a {value.GetType().Name} is not watched", nameof(value)),
        };
    }

    /// <summary>The object is there, but cannot be read: what is known of it stays.</summary>
    public void Keep(NamespacedName name)
    {
        ref var known = ref CollectionsMarshal.GetValueRefOrNullRef(_objects, name);
        if (!System.Runtime.CompilerServices.Unsafe.IsNullRef(ref known))
        {
            known = known with { List = _list };
        }
    }

    /// <summary>The object is gone.</summary>
    /// <returns>The event to publish; null where it was not known.</returns>
    public SourceEvent? Delete(NamespacedName name) => _objects.Remove(name, out var known) ? Deleted(name, known.Value) : null;

    /// <summary>The list that was begun last is complete.</summary>
    /// <returns>The deletions of what it did not mention.</returns>
    public List<SourceEvent> EndList()
    {
        var gone = new List<SourceEvent>();
        foreach (var (name, known) in _objects)
        {
            if (known.List != _list)
            {
                gone.Add(Deleted(name, known.Value));
                _objects.Remove(name);
            }
        }

        return gone;
    }

    private static SourceEvent Deleted(NamespacedName name, object value) => value switch
    {
        Service => new SourceEvent.ServiceDeleted(name),
        EndpointSlice => new SourceEvent.EndpointSliceDeleted(name),
        _ => new SourceEvent.NodeDeleted(name.Name),
    };

    private readonly record struct Known(object Value, int List);
}
