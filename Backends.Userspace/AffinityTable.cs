namespace ProxyFramework.Backends.Userspace;

/// <summary>
/// Which client address stays with which endpoint of one service port (<c>sessionAffinity: ClientIP</c>). Entries are kept in the
/// order of their last new connection, so expiring them, and forgetting the oldest where there are too many, costs nothing.
/// </summary>
internal sealed class AffinityTable(int capacity)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<InetAddress, LinkedListNode<Entry>> _entries = [];
    private readonly LinkedList<Entry> _oldestFirst = [];

    public int Count
    {
        get
        {
            lock (_lock)
            {
                return _entries.Count;
            }
        }
    }

    /// <summary>The endpoint of a client that is in the group; null where the client is free to go anywhere.</summary>
    public EndpointTarget? Find(InetAddress client, Balancer balancer, long expiredBefore)
    {
        lock (_lock)
        {
            return FindLocked(client, balancer, expiredBefore);
        }
    }

    /// <summary>
    /// Ties a client to an endpoint, from now on. Where another connection of the client was quicker, its endpoint is kept and
    /// returned, unless that is one of those which <paramref name="failed"/>.
    /// </summary>
    public EndpointTarget Pin(
        InetAddress client, EndpointTarget target, Balancer balancer, List<EndpointTarget>? failed, long now, long expiredBefore)
    {
        lock (_lock)
        {
            Expire(expiredBefore);
            if (FindLocked(client, balancer, expiredBefore) is { } pinned && failed?.Contains(pinned) != true)
            {
                target = pinned;
            }

            if (_entries.Remove(client, out var node))
            {
                _oldestFirst.Remove(node);
            }
            else if (_entries.Count >= capacity)
            {
                Remove(_oldestFirst.First!);
            }

            _entries[client] = _oldestFirst.AddLast(new Entry(client, target, now));
            return target;
        }
    }

    /// <summary>Frees all clients of endpoints that are gone, so that none comes back to one that is there again later.</summary>
    public void Forget(IReadOnlySet<EndpointTarget> gone)
    {
        lock (_lock)
        {
            for (var node = _oldestFirst.First; node is not null;)
            {
                var next = node.Next;
                if (gone.Contains(node.Value.Target))
                {
                    Remove(node);
                }

                node = next;
            }
        }
    }

    private EndpointTarget? FindLocked(InetAddress client, Balancer balancer, long expiredBefore) =>
        _entries.TryGetValue(client, out var node) && node.Value.LastNewConnection >= expiredBefore && balancer.Contains(node.Value.Target)
            ? node.Value.Target
            : null;

    private void Expire(long expiredBefore)
    {
        while (_oldestFirst.First is { } oldest && oldest.Value.LastNewConnection < expiredBefore)
        {
            Remove(oldest);
        }
    }

    private void Remove(LinkedListNode<Entry> node)
    {
        _oldestFirst.Remove(node);
        _entries.Remove(node.Value.Client);
    }

    private readonly record struct Entry(InetAddress Client, EndpointTarget Target, long LastNewConnection);
}
