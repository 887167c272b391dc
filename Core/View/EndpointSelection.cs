using System.Runtime.InteropServices;
using ProxyFramework.Core.Objects;

namespace ProxyFramework.Core.View;

/// <summary>
/// Chooses the endpoints of a service port for this node: merges its slices, then applies conditions, weights, topology and policies.
/// Holds buffers that are used again and again, so that a change allocates only its result.
/// </summary>
internal sealed class EndpointSelection(string nodeName)
{
    private readonly List<EndpointCandidate> _candidates = [];
    private readonly List<Endpoint> _cluster = [];
    private readonly List<Endpoint> _local = [];
    private readonly List<Endpoint> _draining = [];

    /// <summary>The endpoints of the Cluster policy; empty where there is none anywhere.</summary>
    public ReadOnlySpan<Endpoint> Cluster => CollectionsMarshal.AsSpan(_cluster);

    /// <summary>The endpoints of the Local policy; empty where there is none on this node.</summary>
    public ReadOnlySpan<Endpoint> Local => CollectionsMarshal.AsSpan(_local);

    /// <summary>Endpoints that take no new connections but may still have old ones.</summary>
    public ReadOnlySpan<Endpoint> Draining => CollectionsMarshal.AsSpan(_draining);

    /// <summary>Chooses among the endpoints of one service port in one family.</summary>
    /// <param name="entry">The Service and its slices.</param>
    /// <param name="port">The port; slices' ports match it by name and protocol.</param>
    /// <param name="family">The family.</param>
    /// <param name="zone">This node's zone; null where it is not known.</param>
    /// <param name="usesCluster">Whether a route uses the Cluster policy; endpoints of other nodes matter only then.</param>
    /// <param name="usesLocal">Whether a route uses the Local policy.</param>
    public void Choose(ServiceEntry entry, in ServicePortSpec port, IPFamily family, string? zone, bool usesCluster, bool usesLocal)
    {
        Clear();
        Gather(entry, port, family);
        Merge();

        var candidates = CollectionsMarshal.AsSpan(_candidates);
        var (anyReady, anyLocalReady) = (false, false);
        foreach (ref readonly var candidate in candidates)
        {
            anyReady |= candidate is { IsReady: true, Weight: > 0 };
            anyLocalReady |= candidate is { IsReady: true, Weight: > 0, IsLocal: true };
        }

        var topology = anyReady ? TopologyOf(candidates, zone) : Topology.None;
        foreach (ref readonly var candidate in candidates)
        {
            var inCluster = candidate.Weight > 0
                && (anyReady ? candidate.IsReady && IsMeantForThisNode(candidate, topology, zone) : candidate.IsServingAndTerminating);
            var inLocal = candidate is { Weight: > 0, IsLocal: true }
                && (anyLocalReady ? candidate.IsReady : candidate.IsServingAndTerminating);
            if (inCluster)
            {
                _cluster.Add(new Endpoint(candidate.Address, candidate.Port, candidate.Weight, candidate.IsLocal));
            }

            if (inLocal)
            {
                _local.Add(new Endpoint(candidate.Address, candidate.Port, candidate.Weight, IsLocal: true));
            }

            if (port.Protocol == TransportProtocol.Udp && candidate.IsAlive && (usesCluster || candidate.IsLocal)
                && !(inCluster && usesCluster) && !(inLocal && usesLocal))
            {
                _draining.Add(new Endpoint(candidate.Address, candidate.Port, IsLocal: candidate.IsLocal));
            }
        }
    }

    private void Clear()
    {
        _candidates.Clear();
        _cluster.Clear();
        _local.Clear();
        _draining.Clear();
    }

    private void Gather(ServiceEntry entry, in ServicePortSpec port, IPFamily family)
    {
        var weights = entry.Annotations.Weights;
        foreach (var slice in entry.Slices)
        {
            if (slice.AddressType != family)
            {
                continue;
            }

            foreach (ref readonly var slicePort in slice.Ports.AsSpan())
            {
                if (slicePort.Port == 0 || slicePort.Protocol != port.Protocol || slicePort.Name != port.Name)
                {
                    continue;
                }

                foreach (ref readonly var endpoint in slice.Endpoints.AsSpan())
                {
                    _candidates.Add(new EndpointCandidate(
                        endpoint.Address,
                        slicePort.Port,
                        weights?.Of(endpoint.Address, endpoint.TargetName) ?? 1,
                        endpoint.Conditions,
                        endpoint.NodeName == nodeName,
                        endpoint.Hints,
                        _candidates.Count));
                }
            }
        }
    }

    // Leaves each address and port once, with the most favourable conditions.
    private void Merge()
    {
        var candidates = CollectionsMarshal.AsSpan(_candidates);
        candidates.Sort(EndpointCandidate.Order.Instance);
        var count = 0;
        for (var i = 0; i < candidates.Length; i++)
        {
            if (count == 0 || !candidates[i].IsSameEndpoint(candidates[count - 1]))
            {
                candidates[count++] = candidates[i];
            }
        }

        _candidates.RemoveRange(count, _candidates.Count - count);
    }

    private Topology TopologyOf(ReadOnlySpan<EndpointCandidate> candidates, string? zone)
    {
        bool allForNodes = true, anyForThisNode = false, allForZones = true, anyForThisZone = false;
        foreach (ref readonly var candidate in candidates)
        {
            if (candidate is not { IsReady: true, Weight: > 0 })
            {
                continue;
            }

            allForNodes &= candidate.Hints is { Nodes.IsEmpty: false };
            allForZones &= candidate.Hints is { Zones.IsEmpty: false };
            anyForThisNode = anyForThisNode || IsMeantForThisNode(candidate, Topology.Node, zone);
            anyForThisZone = anyForThisZone || IsMeantForThisNode(candidate, Topology.Zone, zone);
        }

        return allForNodes && anyForThisNode ? Topology.Node : allForZones && anyForThisZone ? Topology.Zone : Topology.None;
    }

    private bool IsMeantForThisNode(in EndpointCandidate candidate, Topology topology, string? zone) => topology switch
    {
        Topology.Node => candidate.Hints is { } hints && hints.Nodes.Contains(nodeName),
        Topology.Zone => candidate.Hints is { } hints && zone is not null && hints.Zones.Contains(zone),
        _ => true,
    };

    private enum Topology : byte
    {
        None,
        Node,
        Zone,
    }
}
