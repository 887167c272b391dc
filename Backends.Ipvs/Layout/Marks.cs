namespace ProxyFramework.Backends.Ipvs.Layout;

/// <summary>
/// The marks of virtual servers that are reached by one: a number for each service port in the upper half, our signature and the
/// masquerade bit in the lower. The number is a hash of the service port's name, the next free one where that is taken, so that
/// it is nearly always the same after a restart.
/// </summary>
internal sealed class Marks(uint masqueradeBit)
{
    /// <summary>Recognises our marks; clear of 0x4000 and 0x8000, which Kubernetes itself uses.</summary>
    private const uint Signature = 0x01B5;

    private readonly Dictionary<ServicePortKey, ushort> _ids = [];
    private readonly Dictionary<ushort, ServicePortKey> _owners = [];

    /// <summary>Whether a mark is one of ours.</summary>
    public bool IsOurs(uint mark) => mark > ushort.MaxValue && (mark & ushort.MaxValue & ~masqueradeBit) == Signature;

    /// <summary>The mark of a service port.</summary>
    /// <exception cref="InvalidOperationException">There are as many as marks can tell apart.</exception>
    public uint Take(ServicePortKey key, bool masquerade)
    {
        if (!_ids.TryGetValue(key, out var id))
        {
            id = FindFree(key);
            _ids.Add(key, id);
            _owners.Add(id, key);
        }

        return ((uint)id << 16) | Signature | (masquerade ? masqueradeBit : 0);
    }

    /// <summary>The service port needs none any more.</summary>
    public void Release(ServicePortKey key)
    {
        if (_ids.Remove(key, out var id))
        {
            _owners.Remove(id);
        }
    }

    private ushort FindFree(ServicePortKey key)
    {
        if (_owners.Count >= ushort.MaxValue)
        {
            throw new InvalidOperationException($"more than {ushort.MaxValue} service ports need a mark");
        }

        // FNV-1a, for string.GetHashCode() is another in each process.
        var hash = 2166136261u;
        foreach (var character in key.ToString())
        {
            hash = (hash ^ character) * 16777619u;
        }

        var id = (ushort)((hash >> 16) ^ hash);
        while (id == 0 || _owners.ContainsKey(id))
        {
            id++;
        }

        return id;
    }
}
