using System.Collections.Immutable;
using System.Runtime.InteropServices;
using ProxyFramework.Core.Objects;
using ProxyFramework.Core.Sources;

namespace ProxyFramework.Core.View;

/// <summary>
/// Computes the service ports of one Service from its objects, the claims and the node's facts. What comes out equal to what was
/// there before is the same object as before, down to the endpoint groups, so that an update keeps no second copy alive.
/// </summary>
internal sealed class ServicePortComputation(NodeViewOptions options, FrontendClaims claims)
{
    private const string NoHealthCheck = "none";

    private readonly EndpointSelection _selection = new(options.NodeName);
    private readonly List<ServiceFrontend> _wanted = [];
    private readonly List<Frontend> _frontends = [];
    private readonly HashSet<InetAddress> _addresses = [];

    /// <summary>What the node adds to every service port.</summary>
    public required NodeFacts Facts { get; set; }

    /// <summary>This machine's own addresses.</summary>
    public ImmutableArray<InetAddress> InterfaceAddresses { get; set; } = [];

    /// <summary>Computes the service ports of one Service.</summary>
    /// <param name="entry">The Service; its frontends have been claimed.</param>
    /// <param name="published">The service ports that there were.</param>
    /// <param name="results">Takes the service ports.</param>
    /// <param name="health">What health checks say; takes what is to be checked.</param>
    /// <param name="conflicts">Takes a problem for each frontend that another service port has.</param>
    public void Compute(
        ServiceEntry entry,
        Dictionary<ServicePortKey, ServicePort> published,
        List<ServicePort> results,
        CheckedServicePorts health,
        List<ObjectProblem> conflicts)
    {
        if (entry.Service is not { } service)
        {
            return;
        }

        _wanted.Clear();
        ServiceFrontend.Collect(service, _wanted);
        var wanted = CollectionsMarshal.AsSpan(_wanted);
        for (int start = 0, end; start < wanted.Length; start = end)
        {
            var (portIndex, family) = (wanted[start].PortIndex, wanted[start].Family);
            end = start + 1;
            while (end < wanted.Length && wanted[end].PortIndex == portIndex && wanted[end].Family == family)
            {
                end++;
            }

            KeepWon(entry, wanted[start..end], conflicts);
            if (_frontends.Count > 0)
            {
                var port = service.Ports[portIndex];
                var key = new ServicePortKey(entry.Name, port.Name, port.Protocol, family);
                results.Add(Compute(entry, service, port, key, published.GetValueOrDefault(key), health.VerdictsOf(key)));
                if ((entry.Annotations.HealthCheck ?? options.DefaultHealthCheck) is { } check and not NoHealthCheck && !_selection.Checkable.IsEmpty)
                {
                    health.Wanted.Add((key, new CheckedEndpoints(check, [.. _selection.Checkable])));
                }
            }
        }
    }

    /// <summary>What the Service's <c>healthCheckNodePort</c> tells; null where it has none.</summary>
    public ServiceHealth? ComputeHealth(ServiceEntry entry)
    {
        if (entry.Service is not
            { Type: ServiceType.LoadBalancer, ExternalTrafficPolicy: TrafficPolicy.Local, HealthCheckNodePort: not 0 } service)
        {
            return null;
        }

        // A dual-stack pod is one endpoint, whichever family's load balancer asks.
        var count = Math.Max(CountLocal(entry, service, IPFamily.IPv4), CountLocal(entry, service, IPFamily.IPv6));
        return new ServiceHealth(entry.Name, service.HealthCheckNodePort, count);
    }

    private ServicePort Compute(
        ServiceEntry entry, Service service, in ServicePortSpec port, ServicePortKey key, ServicePort? before, EndpointVerdicts? verdicts)
    {
        bool usesCluster = false, usesLocal = false;
        foreach (ref readonly var frontend in CollectionsMarshal.AsSpan(_frontends))
        {
            var routes = new FrontendRoutes(frontend.Outside, frontend.LocalPod, frontend.Node);
            usesCluster |= routes.Use(TrafficPolicy.Cluster);
            usesLocal |= routes.Use(TrafficPolicy.Local);
        }

        _selection.Choose(entry, port, key.Family, Facts.Zone, usesCluster, usesLocal, verdicts);
        var nothing = _selection.Cluster.IsEmpty ? EndpointGroup.Reject : EndpointGroup.Drop;
        var cluster = usesCluster ? Group(_selection.Cluster, EndpointGroup.Reject, before?.Cluster) : null;
        var local = usesLocal ? Group(_selection.Local, nothing, before?.Local) : cluster!;
        cluster ??= local;
        var after = new ServicePort
        {
            Key = key,
            Frontends = Same(_frontends, before?.Frontends ?? []),
            Cluster = cluster,
            Local = local.Equals(cluster) ? cluster : local,
            Draining = Same(_selection.Draining, before?.Draining ?? []),
            AffinityTimeoutSeconds = service.AffinityTimeoutSeconds,
            Scheduler = entry.Annotations.Scheduler,
            Options = entry.Annotations.Options,
            LastChangeTriggerTime = entry.TriggerTicks == 0 ? null : new DateTimeOffset(entry.TriggerTicks, TimeSpan.Zero),
        };
        return after.Equals(before) ? before : after;
    }

    // Fills _frontends with those of the wanted ones that this service port has, in order.
    private void KeepWon(ServiceEntry entry, ReadOnlySpan<ServiceFrontend> wanted, List<ObjectProblem> conflicts)
    {
        _frontends.Clear();
        var service = entry.Service!;
        foreach (ref readonly var frontend in wanted)
        {
            var winner = claims.WinnerOf(frontend.Socket);
            if (winner.Entry == entry && winner.PortIndex == frontend.PortIndex)
            {
                // The same address may be asked for twice, as load balancer IP and as external IP, say: it is had as the first.
                if (winner.Kind == frontend.Kind && !Has(frontend))
                {
                    _frontends.Add(MakeFrontend(service, frontend));
                }
            }
            else
            {
                conflicts.Add(Conflict(entry, frontend, winner));
            }
        }

        _frontends.Sort(static (x, y) =>
        {
            var byKind = x.Kind.CompareTo(y.Kind);
            return byKind != 0 ? byKind : x.Address.CompareTo(y.Address);
        });
    }

    private bool Has(in ServiceFrontend wanted)
    {
        foreach (ref readonly var frontend in CollectionsMarshal.AsSpan(_frontends))
        {
            if (frontend.Kind == wanted.Kind && frontend.Address == wanted.Socket.Address)
            {
                return true;
            }
        }

        return false;
    }

    private Frontend MakeFrontend(Service service, in ServiceFrontend wanted)
    {
        var policy = wanted.Kind == FrontendKind.ClusterIP ? service.InternalTrafficPolicy : service.ExternalTrafficPolicy;
        var routes = FrontendRoutes.Of(wanted.Kind, policy, options.MasqueradeAll, Facts.DetectsPods(wanted.Family));
        return new Frontend(wanted.Kind, wanted.Socket.Address, wanted.Socket.Port, routes.Outside, routes.LocalPod, routes.Node)
        {
            SourceRanges = wanted.Kind == FrontendKind.LoadBalancerIP && !service.LoadBalancerSourceRanges.IsEmpty
                ? LoadBalancerSources.Of(service.LoadBalancerSourceRanges, wanted.Socket.Address, InterfaceAddresses)
                : default,
        };
    }

    private static ObjectProblem Conflict(ServiceEntry entry, in ServiceFrontend frontend, FrontendClaim winner)
    {
        static string PortOf(string name) => name.Length == 0 ? "" : $" port '{name}'";
        var field = frontend.Kind switch
        {
            FrontendKind.ClusterIP => "spec.clusterIPs",
            FrontendKind.LoadBalancerIP => "status.loadBalancer.ingress",
            FrontendKind.ExternalIP => "spec.externalIPs",
            _ => $"spec.ports[{frontend.PortIndex}].nodePort",
        };
        var port = entry.Service!.Ports[frontend.PortIndex];
        return new ObjectProblem("", $"Service {entry.Name}", field,
            $"{frontend.Socket} belongs to Service {winner.Entry.Name}{PortOf(winner.Port.Name)} ({winner.Kind}), which comes first; "
            + $"Service {entry.Name}{PortOf(port.Name)} ({frontend.Kind}) is not reached there until one of them changes");
    }

    private static EndpointGroup Group(ReadOnlySpan<Endpoint> endpoints, EndpointGroup none, EndpointGroup? before) =>
        endpoints.IsEmpty ? none
        : before is not null && before.Endpoints.AsSpan().SequenceEqual(endpoints) ? before
        : EndpointGroup.Forward([.. endpoints]);

    private static ImmutableArray<Frontend> Same(List<Frontend> now, ImmutableArray<Frontend> before) =>
        before.AsSpan().SequenceEqual(CollectionsMarshal.AsSpan(now)) ? before : [.. now];

    private static ImmutableArray<Endpoint> Same(ReadOnlySpan<Endpoint> now, ImmutableArray<Endpoint> before) =>
        before.AsSpan().SequenceEqual(now) ? before : [.. now];

    private int CountLocal(ServiceEntry entry, Service service, IPFamily family)
    {
        if (!ServiceValidation.HasFamily(service.ClusterIPs, family))
        {
            return 0;
        }

        _addresses.Clear();
        foreach (var slice in entry.Slices)
        {
            if (slice.AddressType != family)
            {
                continue;
            }

            foreach (ref readonly var endpoint in slice.Endpoints.AsSpan())
            {
                if (endpoint.NodeName == options.NodeName
                    && (endpoint.Conditions & (EndpointConditions.Ready | EndpointConditions.Terminating)) == EndpointConditions.Ready
                    && entry.Annotations.Weights?.Of(endpoint.Address, endpoint.TargetName) is not 0)
                {
                    _addresses.Add(endpoint.Address);
                }
            }
        }

        return _addresses.Count;
    }
}
