using System.Collections.Immutable;
using System.Runtime.InteropServices;
using ProxyFramework.Core.Objects;

namespace ProxyFramework.Core.View;

/// <summary>
/// Holds the objects, slices under their Service, and remembers which Services have changed. It forgets with the object: whatever
/// a deleted, renamed or relabelled object brought in is gone with it (kubernetes/kubernetes#128928), shared strings included.
/// </summary>
internal sealed class ServiceStore
{
    private readonly Dictionary<NamespacedName, ServiceEntry> _entries = [];
    private readonly Dictionary<NamespacedName, EndpointSlice> _slices = [];
    private readonly SharedValues<string> _strings = new();
    private readonly SharedValues<TopologyHints> _hints = new();

    /// <summary>The entries whose Service or slices changed, each once.</summary>
    public List<ServiceEntry> Dirty { get; } = [];

    /// <summary>How many things of each kind are held; 0 when every object is gone.</summary>
    public (int Entries, int Slices, int Strings, int Hints) Held => (_entries.Count, _slices.Count, _strings.Count, _hints.Count);

    /// <summary>What is held for a Service; null for nothing.</summary>
    public ServiceEntry? Find(NamespacedName name) => _entries.GetValueOrDefault(name);

    public void MarkDirty(ServiceEntry entry)
    {
        if (!entry.IsDirty)
        {
            entry.IsDirty = true;
            Dirty.Add(entry);
        }
    }

    public void MarkAllDirty()
    {
        foreach (var entry in _entries.Values)
        {
            MarkDirty(entry);
        }
    }

    /// <summary>Takes a Service that is to be proxied.</summary>
    public ServiceEntry Put(Service service, ServiceAnnotations annotations)
    {
        var entry = GetOrAdd(service.Name);
        var stored = service with { Name = entry.Name, Ports = Share(service.Ports) };
        Release(entry.Service);
        entry.Service = stored;
        entry.Annotations = annotations;
        MarkDirty(entry);
        return entry;
    }

    /// <returns>The entry that lost its Service; null where there was none.</returns>
    public ServiceEntry? RemoveService(NamespacedName name)
    {
        if (!_entries.TryGetValue(name, out var entry) || entry.Service is null)
        {
            return null;
        }

        Release(entry.Service);
        entry.Service = null;
        entry.Annotations = ServiceAnnotations.None;
        MarkDirty(entry);
        return entry;
    }

    /// <summary>Takes a slice that counts: one with a Service's name and an IP family.</summary>
    public void Put(EndpointSlice slice)
    {
        var serviceName = new NamespacedName(slice.Name.Namespace, slice.ServiceName!);
        _slices.TryGetValue(slice.Name, out var old);
        if (old is not null && old.ServiceName != slice.ServiceName)
        {
            RemoveSlice(slice.Name);
            old = null;
        }

        var entry = GetOrAdd(serviceName);
        var stored = slice with
        {
            Name = new NamespacedName(entry.Name.Namespace, slice.Name.Name),
            ServiceName = entry.Name.Name,
            Ports = Share(slice.Ports),
            Endpoints = Share(slice.Endpoints),
        };

        var position = PositionOf(entry.Slices, stored.Name.Name);
        if (old is null)
        {
            entry.Slices = [.. entry.Slices.AsSpan(0, ~position), stored, .. entry.Slices.AsSpan(~position)];
        }
        else
        {
            entry.Slices[position] = stored;
            _slices.Remove(old.Name);
            Release(old);
        }

        _slices[stored.Name] = stored;
        if (stored.LastChangeTriggerTime is { } time && time != old?.LastChangeTriggerTime)
        {
            entry.TriggerTicks = Math.Max(entry.TriggerTicks, time.UtcTicks);
        }

        MarkDirty(entry);
    }

    public void RemoveSlice(NamespacedName name)
    {
        if (!_slices.Remove(name, out var slice))
        {
            return;
        }

        var entry = _entries[new NamespacedName(name.Namespace, slice.ServiceName!)];
        var position = PositionOf(entry.Slices, name.Name);
        entry.Slices = [.. entry.Slices.AsSpan(0, position), .. entry.Slices.AsSpan(position + 1)];
        Release(slice);
        MarkDirty(entry);
    }

    /// <summary>Forgets an entry that nothing is left of.</summary>
    public void Forget(ServiceEntry entry)
    {
        if (_entries.Remove(entry.Name))
        {
            _strings.Release(entry.Name.Namespace);
        }
    }

    private ServiceEntry GetOrAdd(NamespacedName name)
    {
        if (!_entries.TryGetValue(name, out var entry))
        {
            entry = new ServiceEntry(new NamespacedName(_strings.Share(name.Namespace), name.Name));
            _entries.Add(entry.Name, entry);
        }

        return entry;
    }

    // The position, or the complement of the position where it belongs.
    private static int PositionOf(EndpointSlice[] slices, string name)
    {
        int low = 0, high = slices.Length - 1;
        while (low <= high)
        {
            var middle = (low + high) >>> 1;
            var order = string.CompareOrdinal(slices[middle].Name.Name, name);
            if (order == 0)
            {
                return middle;
            }

            (low, high) = order < 0 ? (middle + 1, high) : (low, middle - 1);
        }

        return ~low;
    }

    private ImmutableArray<ServicePortSpec> Share(ImmutableArray<ServicePortSpec> ports)
    {
        var shared = new ServicePortSpec[ports.Length];
        for (var i = 0; i < shared.Length; i++)
        {
            shared[i] = ports[i] with { Name = _strings.Share(ports[i].Name) };
        }

        return ImmutableCollectionsMarshal.AsImmutableArray(shared);
    }

    private ImmutableArray<EndpointSlicePort> Share(ImmutableArray<EndpointSlicePort> ports)
    {
        var shared = new EndpointSlicePort[ports.Length];
        for (var i = 0; i < shared.Length; i++)
        {
            shared[i] = ports[i] with { Name = _strings.Share(ports[i].Name) };
        }

        return ImmutableCollectionsMarshal.AsImmutableArray(shared);
    }

    private ImmutableArray<SliceEndpoint> Share(ImmutableArray<SliceEndpoint> endpoints)
    {
        var shared = new SliceEndpoint[endpoints.Length];
        for (var i = 0; i < shared.Length; i++)
        {
            ref readonly var endpoint = ref endpoints.ItemRef(i);
            shared[i] = endpoint with
            {
                NodeName = endpoint.NodeName is { } nodeName ? _strings.Share(nodeName) : null,
                Hints = endpoint.Hints is { } hints ? _hints.Share(hints) : null,
            };
        }

        return ImmutableCollectionsMarshal.AsImmutableArray(shared);
    }

    private void Release(Service? service)
    {
        if (service is not null)
        {
            foreach (ref readonly var port in service.Ports.AsSpan())
            {
                _strings.Release(port.Name);
            }
        }
    }

    private void Release(EndpointSlice slice)
    {
        foreach (ref readonly var port in slice.Ports.AsSpan())
        {
            _strings.Release(port.Name);
        }

        foreach (ref readonly var endpoint in slice.Endpoints.AsSpan())
        {
            if (endpoint.NodeName is { } nodeName)
            {
                _strings.Release(nodeName);
            }

            if (endpoint.Hints is { } hints)
            {
                _hints.Release(hints);
            }
        }
    }
}
