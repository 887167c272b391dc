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
    private readonly List<(InetAddress Address, ushort Port)> _checkable = [];
    private bool _isPanic;
    private bool _isLocalPanic;
    private double _scale;

    /// <summary>The endpoints of the Cluster policy; empty where there is none anywhere.</summary>
    public ReadOnlySpan<Endpoint> Cluster => CollectionsMarshal.AsSpan(_cluster);

    /// <summary>The endpoints of the Local policy; empty where there is none on this node.</summary>
    public ReadOnlySpan<Endpoint> Local => CollectionsMarshal.AsSpan(_local);

    /// <summary>Endpoints that take no new connections but may still have old ones.</summary>
    public ReadOnlySpan<Endpoint> Draining => CollectionsMarshal.AsSpan(_draining);

    /// <summary>Endpoints that a health check may take away: those that Kubernetes calls ready, ordered by address and port.</summary>
    public ReadOnlySpan<(InetAddress Address, ushort Port)> Checkable => CollectionsMarshal.AsSpan(_checkable);

    /// <summary>Chooses among the endpoints of one service port in one family.</summary>
    /// <param name="entry">The Service and its slices.</param>
    /// <param name="port">The port; slices' ports match it by name and protocol.</param>
    /// <param name="family">The family.</param>
    /// <param name="zone">This node's zone; null where it is not known.</param>
    /// <param name="usesCluster">Whether a route uses the Cluster policy; endpoints of other nodes matter only then.</param>
    /// <param name="usesLocal">Whether a route uses the Local policy.</param>
    /// <param name="verdicts">What health checks say; null for nothing.</param>
    public void Choose(
        ServiceEntry entry, in ServicePortSpec port, IPFamily family, string? zone, bool usesCluster, bool usesLocal, EndpointVerdicts? verdicts)
    {
        Clear();
        Gather(entry, port, family);
        Merge();

        var candidates = CollectionsMarshal.AsSpan(_candidates);
        Judge(candidates, usesCluster, verdicts);
        var (anyReady, anyLocalReady) = (false, false);
        foreach (ref readonly var candidate in candidates)
        {
            anyReady |= candidate.IsReady && TakesConnections(candidate, _isPanic);
            anyLocalReady |= candidate is { IsReady: true, IsLocal: true } && TakesConnections(candidate, _isLocalPanic);
        }

        var topology = anyReady ? TopologyOf(candidates, zone) : Topology.None;
        foreach (ref readonly var candidate in candidates)
        {
            var inCluster = TakesConnections(candidate, _isPanic)
                && (anyReady ? candidate.IsReady && IsMeantForThisNode(candidate, topology, zone) : candidate.IsServingAndTerminating);
            var inLocal = candidate.IsLocal && TakesConnections(candidate, _isLocalPanic)
                && (anyLocalReady ? candidate.IsReady : candidate.IsServingAndTerminating);
            if (inCluster)
            {
                _cluster.Add(new Endpoint(candidate.Address, candidate.Port, WeightOf(candidate, _isPanic), candidate.IsLocal));
            }

            if (inLocal)
            {
                _local.Add(new Endpoint(candidate.Address, candidate.Port, WeightOf(candidate, _isLocalPanic), IsLocal: true));
            }

            // A flow to an endpoint that does not answer any more is not worth keeping.
            if (port.Protocol == TransportProtocol.Udp && candidate is { IsAlive: true, Share: > 0 } && (usesCluster || candidate.IsLocal)
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
        _checkable.Clear();
        (_isPanic, _isLocalPanic, _scale) = (false, false, 0);
    }

    private static bool TakesConnections(in EndpointCandidate candidate, bool isPanic) => candidate.Weight > 0 && (isPanic || candidate.Share > 0);

    /// <summary>Takes the verdicts, and what more of them there could be.</summary>
    private void Judge(Span<EndpointCandidate> candidates, bool usesCluster, EndpointVerdicts? verdicts)
    {
        var (all, healthy, local, localHealthy, heaviest) = (0, 0, 0, 0, 0);
        var isRamping = false;
        foreach (ref var candidate in candidates)
        {
            if (candidate is not { IsReady: true, Weight: > 0 })
            {
                continue;
            }

            if (usesCluster || candidate.IsLocal)
            {
                _checkable.Add((candidate.Address, candidate.Port));
            }

            if (verdicts is null)
            {
                continue;
            }

            candidate = candidate with { Share = verdicts.ShareOf(candidate.Address, candidate.Port) };
            var isHealthy = candidate.Share > 0 ? 1 : 0;
            all++;
            healthy += isHealthy;
            local += candidate.IsLocal ? 1 : 0;
            localHealthy += candidate.IsLocal ? isHealthy : 0;
            heaviest = Math.Max(heaviest, candidate.Weight);
            isRamping |= candidate.Share is > 0 and < EndpointVerdicts.Full;
        }

        if (verdicts is not null)
        {
            _isPanic = verdicts.IsPanic(healthy, all);
            _isLocalPanic = verdicts.IsPanic(localHealthy, local);
            _scale = isRamping ? Math.Min(1, ushort.MaxValue / (double)(heaviest * EndpointVerdicts.Full)) : 0;
        }
    }

    /// <summary>While some endpoints have a part of their weight, all weights are made larger, so that a part of 1 can be had.</summary>
    private ushort WeightOf(in EndpointCandidate candidate, bool isPanic) => _scale == 0
        ? candidate.Weight
        : (ushort)Math.Max(1, candidate.Weight * (isPanic && candidate.Share == 0 ? EndpointVerdicts.Full : candidate.Share) * _scale);

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
            if (!candidate.IsReady || !TakesConnections(candidate, _isPanic))
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
