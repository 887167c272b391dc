using System.Collections.Immutable;
using ProxyFramework.Backends.Ipvs.Layout;
using ProxyFramework.Netlink;
using ProxyFramework.Netlink.Ipvs;

namespace ProxyFramework.Backends.Ipvs.Kernel;

/// <summary>
/// Our virtual servers: makes the kernel's agree with what is wanted, and lets connections of what is not wanted any more come to
/// their end. Not thread-safe.
/// </summary>
/// <param name="ipvs">The kernel's.</param>
/// <param name="clock">For how long something drains.</param>
/// <param name="drainTimeout">For how long it may.</param>
internal sealed class VirtualServers(IpvsNetlink ipvs, TimeProvider clock, TimeSpan drainTimeout) : IDisposable
{
    /// <summary>How many virtual servers' connections are looked at in one go: changes wait meanwhile, each takes the kernel some 20 µs.</summary>
    private const int MaxLooks = 100;

    private readonly IpvsBatch _batch = ipvs.CreateBatch();
    private readonly List<(IpvsServiceKey Server, int Harmless)> _changes = [];
    private readonly Dictionary<IpvsServiceKey, VirtualServerState> _servers = [];

    /// <summary>Those of <see cref="_servers"/> some of whose connections go on only until they end: few, whatever there is.</summary>
    private readonly HashSet<IpvsServiceKey> _draining = [];
    private readonly HashSet<IpvsServiceKey> _retiring = [];

    private Queue<IpvsServiceKey> _toLookAt = new();

    /// <summary>Those of others, as of the last time that all were read.</summary>
    private HashSet<IpvsServiceKey>? _foreign;

    /// <summary>Those that no service wants any more, and that are still there for their connections.</summary>
    public IReadOnlySet<IpvsServiceKey> Retiring => _retiring;

    /// <summary>Whether some connections go on only until they end.</summary>
    public bool IsDraining => _draining.Count > 0;

    /// <summary>Reads ours from the kernel.</summary>
    /// <param name="isOurs">Tells ours.</param>
    /// <exception cref="NetlinkException">The kernel refused.</exception>
    public void Read(Func<IpvsServiceKey, bool> isOurs)
    {
        var former = new Dictionary<IpvsServiceKey, VirtualServerState>(_servers);
        _servers.Clear();
        _draining.Clear();
        _retiring.Clear();
        _foreign = [];
        foreach (var found in ipvs.GetServices())
        {
            if (!isOurs(found.Service.Key) && !former.ContainsKey(found.Service.Key))
            {
                _foreign.Add(found.Service.Key);
                continue;
            }

            var server = VirtualServerState.Read(ipvs, found.Service);
            _servers.Add(found.Service.Key, server);
            if (former.TryGetValue(found.Service.Key, out var before))
            {
                KeepDrainTimes(before, server);
                Remember(found.Service.Key, server);
            }
        }
    }

    /// <summary>Those that there are.</summary>
    public IReadOnlyCollection<IpvsServiceKey> Keys => _servers.Keys;

    /// <summary>Which of these virtual servers others have made: as of the last <see cref="Read"/> where that has just been, else the kernel is asked.</summary>
    /// <exception cref="NetlinkException">The kernel refused to tell.</exception>
    public List<IpvsServiceKey> FindForeign(IEnumerable<IpvsServiceKey> wanted)
    {
        var foreign = wanted.Where(key => !_servers.ContainsKey(key) && (_foreign is null ? ipvs.FindService(key) is not null : _foreign.Contains(key))).ToList();
        _foreign = null;
        return foreign;
    }

    /// <summary>
    /// Creates those that are missing, without real servers, after the changes so far: real servers follow once it is certain that no
    /// one else has the virtual server.
    /// </summary>
    /// <returns>Those that the kernel refused.</returns>
    /// <exception cref="NetlinkException">The kernel refused to tell, or the socket failed.</exception>
    public List<RefusedServer> Create(IEnumerable<VirtualServer> wanted)
    {
        foreach (var service in wanted.Select(static server => server.Service))
        {
            if (_servers.TryGetValue(service.Key, out var server) && !server.IsUnknown)
            {
                continue;
            }

            if (server is not null && ipvs.FindService(service.Key) is { } found)
            {
                _servers[service.Key] = VirtualServerState.Read(ipvs, found.Service);
                continue;
            }

            _servers[service.Key] = new VirtualServerState(service);
            _batch.AddService(service);
            _changes.Add((service.Key, 0));
        }

        return Execute();
    }

    /// <summary>Adds what makes a virtual server as it is wanted to the changes, where <see cref="Create"/> could create it.</summary>
    public void Want(VirtualServer wanted)
    {
        var key = wanted.Service.Key;
        if (!_servers.TryGetValue(key, out var server) || server.IsUnknown)
        {
            return;
        }

        server.RetiresSince = null;
        server.IsConnectionless = wanted.Protocol == TransportProtocol.Udp;
        if (server.Service != wanted.Service)
        {
            server.Service = wanted.Service;
            _batch.SetService(wanted.Service);
            _changes.Add((key, 0));
        }

        var former = server.Destinations.Keys.ToHashSet();
        foreach (var destination in wanted.Destinations)
        {
            var at = (destination.Address, destination.Port);
            if (!former.Remove(at))
            {
                _batch.AddDestination(key, destination);
                _changes.Add((key, 0));
            }
            else if (server.Destinations[at].Destination != destination)
            {
                _batch.SetDestination(key, destination);
                _changes.Add((key, 0));
            }

            server.Destinations[at] = (destination, null);
        }

        foreach (var at in former)
        {
            Leave(server, at);
        }

        Remember(key, server);
    }

    /// <summary>Adds what lets a virtual server go to the changes: at once, or when its connections have ended.</summary>
    public void Retire(IpvsServiceKey key)
    {
        if (!_servers.TryGetValue(key, out var server) || server.RetiresSince is not null)
        {
            return;
        }

        if (server.IsUnknown || server.IsConnectionless || server.Destinations.Count == 0)
        {
            _batch.DeleteService(key);
            _changes.Add((key, Errno.ESRCH));
            Forget(key);
            return;
        }

        server.RetiresSince = clock.GetUtcNow();
        foreach (var at in server.Destinations.Keys.ToList())
        {
            Leave(server, at);
        }

        Remember(key, server);
    }

    /// <summary>Carries the changes out.</summary>
    /// <returns>Those that the kernel refused.</returns>
    /// <exception cref="NetlinkException">The socket failed.</exception>
    public List<RefusedServer> Execute()
    {
        var refused = new List<RefusedServer>();
        if (_batch.Count > 0)
        {
            foreach (var error in ipvs.TryExecute(_batch).Where(error => error.Errno != _changes[error.MessageIndex].Harmless))
            {
                var key = _changes[error.MessageIndex].Server;
                if (error.Request == "IPVS_CMD_NEW_SERVICE")
                {
                    // Nothing of ours is there, perhaps something of someone else.
                    Forget(key);
                    refused.Add(error.Errno == Errno.EEXIST ? RefusedServer.Foreign(key) : new(key, $"virtual server {key}: {error}"));
                }
                else if (_servers.TryGetValue(key, out var server))
                {
                    server.IsUnknown = true;
                    refused.Add(new(key, $"virtual server {key}: {error}"));
                }
            }
        }

        _batch.Reset();
        _changes.Clear();
        return refused;
    }

    /// <summary>Lets go of what has no connections any more, or has drained for as long as it may; of some virtual servers a call.</summary>
    /// <returns>The virtual servers that are gone, and whether all have been looked at since the call before that said so.</returns>
    /// <exception cref="NetlinkException">The kernel refused.</exception>
    public (ImmutableArray<IpvsServiceKey> Ended, bool IsRound) Drain()
    {
        var ended = ImmutableArray.CreateBuilder<IpvsServiceKey>();
        if (_toLookAt.Count == 0)
        {
            _toLookAt = new(_draining);
        }

        for (var looks = 0; looks < MaxLooks && _toLookAt.TryDequeue(out var key);)
        {
            if (!_draining.Contains(key))
            {
                continue;
            }

            looks++;
            var server = _servers[key];
            var isAnyActive = false;
            foreach (var found in ipvs.GetDestinations(key))
            {
                var at = (found.Destination.Address, found.Destination.Port);
                isAnyActive |= found.ActiveConnections > 0;
                if (!server.Destinations.TryGetValue(at, out var destination) || destination.DrainsSince is not { } since)
                {
                    continue;
                }

                if (found.ActiveConnections + found.InactiveConnections == 0 || IsOver(since))
                {
                    _batch.DeleteDestination(key, found.Destination);
                    _changes.Add((key, Errno.ENOENT));
                    server.Destinations.Remove(at);
                }
            }

            // Connections that are closing outlive their ends by minutes, and hold nobody up.
            if (server.RetiresSince is { } retires && (!isAnyActive || IsOver(retires)))
            {
                _batch.DeleteService(key);
                _changes.Add((key, Errno.ESRCH));
                Forget(key);
                ended.Add(key);
            }
            else
            {
                Remember(key, server);
            }
        }

        Execute();
        return (ended.ToImmutable(), _toLookAt.Count == 0);
    }

    public void Dispose() => _batch.Dispose();

    private static void KeepDrainTimes(VirtualServerState before, VirtualServerState server)
    {
        server.RetiresSince = before.RetiresSince;
        foreach (var (at, destination) in before.Destinations)
        {
            if (destination.DrainsSince is not null && server.Destinations.TryGetValue(at, out var found))
            {
                server.Destinations[at] = (found.Destination, destination.DrainsSince);
            }
        }
    }

    private void Remember(IpvsServiceKey key, VirtualServerState server)
    {
        _ = server.IsDraining ? _draining.Add(key) : _draining.Remove(key);
        _ = server.RetiresSince is null ? _retiring.Remove(key) : _retiring.Add(key);
    }

    private void Forget(IpvsServiceKey key)
    {
        _servers.Remove(key);
        _draining.Remove(key);
        _retiring.Remove(key);
    }

    private bool IsOver(DateTimeOffset since) => drainTimeout != Timeout.InfiniteTimeSpan && clock.GetUtcNow() - since >= drainTimeout;

    /// <summary>A real server that is not wanted: one with connections gets no new ones, and goes when they have ended.</summary>
    private void Leave(VirtualServerState server, (InetAddress Address, ushort Port) at)
    {
        var (destination, since) = server.Destinations[at];
        if (server.IsConnectionless)
        {
            _batch.DeleteDestination(server.Service.Key, destination);
            _changes.Add((server.Service.Key, Errno.ENOENT));
            server.Destinations.Remove(at);
            return;
        }

        if (destination.Weight != 0)
        {
            destination = destination with { Weight = 0 };
            _batch.SetDestination(server.Service.Key, destination);
            _changes.Add((server.Service.Key, 0));
        }

        server.Destinations[at] = (destination, since ?? clock.GetUtcNow());
    }
}
