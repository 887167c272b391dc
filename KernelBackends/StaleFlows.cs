using ProxyFramework.Netlink.Conntrack;

namespace ProxyFramework.KernelBackends;

/// <summary>
/// Deletes the connection tracking entries of UDP flows that new rules would not make so. Rules see only the first packet of a
/// flow, so that a client which keeps its source port would stay on an endpoint that is gone, or on none, for as long as it sends.
/// TCP connections are never touched.
/// </summary>
public sealed class StaleFlows : IDisposable
{
    /// <summary>With more frontends than this, one look at all flows is cheaper than one for each.</summary>
    private const int MaxDumps = 4;

    private readonly CtNetlink _conntrack = CtNetlink.Open();
    private readonly Dictionary<FrontendKey, ServicePort?> _frontends = [];

    /// <summary>Remembers a change that has come into force, where it can have left stale flows behind.</summary>
    public void Add(in ServicePortChange change)
    {
        if (change.Key.Protocol != TransportProtocol.Udp || !LeavesStaleFlows(change))
        {
            return;
        }

        foreach (var frontend in change.Before?.Frontends ?? [])
        {
            _frontends[FrontendKey.Of(change.Before!, frontend)] = null;
        }

        foreach (var frontend in change.After?.Frontends ?? [])
        {
            _frontends[FrontendKey.Of(change.After!, frontend)] = change.After;
        }
    }

    /// <summary>Remembers frontends of nobody any more.</summary>
    public void AddFormer(IEnumerable<FrontendKey> frontends)
    {
        foreach (var frontend in frontends.Where(static frontend => frontend.Protocol == TransportProtocol.Udp))
        {
            _frontends.TryAdd(frontend, null);
        }
    }

    /// <summary>Deletes what is stale.</summary>
    /// <param name="node">The node, for the addresses of its node ports.</param>
    /// <returns>How many entries were deleted.</returns>
    /// <exception cref="ProxyFramework.Netlink.NetlinkException">The kernel refused.</exception>
    public int Delete(NodeState node)
    {
        if (_frontends.Count == 0)
        {
            return 0;
        }

        var deleted = 0;
        foreach (var family in _frontends.Keys.GroupBy(static frontend => frontend.Address.Family))
        {
            var isFew = family.Count() <= MaxDumps && family.All(static frontend => frontend.Address != InetAddress.Any(frontend.Address.Family));
            var all = new CtFilter(family.Key) { Protocol = (byte)TransportProtocol.Udp };
            var filters = isFew
                ? family.Select(frontend => all with { OriginalDestination = frontend.Address, OriginalDestinationPort = frontend.Port })
                : [all];
            foreach (var filter in filters)
            {
                var stale = _conntrack.GetEntries(filter).Where(entry => IsStale(entry, node)).ToList();
                deleted += stale.Count - _conntrack.Delete(stale).Length;
            }
        }

        _frontends.Clear();
        return deleted;
    }

    /// <summary>Closes the socket.</summary>
    public void Dispose() => _conntrack.Dispose();

    private static bool LeavesStaleFlows(in ServicePortChange change)
    {
        if (change.Before is not { } before || change.After is not { } after)
        {
            return true;
        }

        return !before.Frontends.AsSpan().SequenceEqual(after.Frontends.AsSpan())
            || before.Cluster.Verdict != after.Cluster.Verdict
            || before.Local.Verdict != after.Local.Verdict
            || Endpoints(before).Any(endpoint => !Serves(after, endpoint.Address, endpoint.Port));
    }

    private static IEnumerable<Endpoint> Endpoints(ServicePort service) =>
        service.Cluster.Endpoints.Concat(ReferenceEquals(service.Local, service.Cluster) ? [] : service.Local.Endpoints).Concat(service.Draining);

    private static bool Serves(ServicePort service, InetAddress address, ushort port)
    {
        foreach (var endpoint in Endpoints(service))
        {
            if (endpoint.Address == address && endpoint.Port == port)
            {
                return true;
            }
        }

        return false;
    }

    private bool IsStale(CtEntry entry, NodeState node)
    {
        var to = new FrontendKey(entry.Original.Destination, TransportProtocol.Udp, entry.Original.DestinationPort);
        if (!_frontends.TryGetValue(to, out var service)
            && !(node.NodePortAddresses.Contains(to.Address) && _frontends.TryGetValue(to with { Address = InetAddress.Any(to.Address.Family) }, out service)))
        {
            return false;
        }

        // A flow that goes past the service is older than it; where there is no service any more, it is nobody's business.
        // (IPVS translates without DNAT: there the direction of the answers tells.)
        var isTranslated = entry.Status.HasFlag(CtStatus.DestinationNat)
            || entry.Reply.Source != entry.Original.Destination || entry.Reply.SourcePort != entry.Original.DestinationPort;
        return service is null ? isTranslated : !isTranslated || !Serves(service, entry.Reply.Source, entry.Reply.SourcePort);
    }
}
