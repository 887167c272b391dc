using System.Collections.Immutable;
using ProxyFramework.KernelBackends;
using ProxyFramework.Netlink.Ipvs;

namespace ProxyFramework.Backends.Ipvs.Layout;

/// <summary>Translates service ports into virtual servers and elements of sets. Pure, but for the marks that it hands out.</summary>
internal sealed class ServiceLayout(KernelSchedulers schedulers, Marks marks)
{
    private static readonly TrafficOrigin[] Origins = [TrafficOrigin.Outside, TrafficOrigin.LocalPod, TrafficOrigin.Node];

    /// <summary>What the kernel needs for a service port on this node.</summary>
    /// <exception cref="InvalidOperationException">There are no marks left.</exception>
    public ServicePlan Build(ServicePort service, NodeState node)
    {
        var servers = new Dictionary<IpvsServiceKey, VirtualServer>();
        var elements = ImmutableArray.CreateBuilder<SetElement>();
        var notices = ImmutableArray.CreateBuilder<string>();
        foreach (var frontend in service.Frontends)
        {
            if (frontend.Kind != FrontendKind.NodePort)
            {
                Add(service, frontend, frontend.Address, node, servers, elements);
                continue;
            }

            // Nothing leaves the node from 127.0.0.0/8 or ::1, so that these would be unreachable and not only unserved.
            foreach (var address in node.NodePortAddresses.Where(address => address.Family == service.Family && !address.IsLoopback))
            {
                Add(service, frontend, address, node, servers, elements);
            }
        }

        AddHairpin(service, elements);
        if (schedulers.NoticeFor(service) is { } notice)
        {
            notices.Add(notice);
        }

        notices.AddRange(Forwarding.NoticesFor(service));
        notices.AddRange(service.Options.Keys.Where(static option => option != Forwarding.Option).Select(static option => $"annotation proxyframework.io/{option}: IPVS mode does not have it; it is ignored"));
        if (service.AffinityTimeoutSeconds > 0 && servers.Keys.Any(static key => key.Mark != 0))
        {
            notices.Add("session affinity of pods and of the node to external addresses is by a hash of the client's address: "
                + "IPVS persistence cannot translate ports for virtual servers with a mark");
        }

        if (!servers.Keys.Any(static key => key.Mark != 0))
        {
            marks.Release(service.Key);
        }

        return new ServicePlan([.. servers.Values], elements.ToImmutable(), notices.ToImmutable());
    }

    private void Add(
        ServicePort service,
        in Frontend frontend,
        InetAddress address,
        NodeState node,
        Dictionary<IpvsServiceKey, VirtualServer> servers,
        ImmutableArray<SetElement>.Builder elements)
    {
        var key = new FrontendKey(address, service.Protocol, frontend.Port);
        elements.Add(new(new(SetKind.Services), key));
        var outside = service.GroupFor(frontend.Outside.Policy);
        if (outside.Verdict == Verdict.Forward)
        {
            var server = new IpvsServiceKey(service.Protocol, address, frontend.Port);
            servers[server] = Server(service, server, outside, Forwarding.For(service, frontend, outside));
        }

        foreach (var origin in Origins)
        {
            var route = frontend.RouteFrom(origin);
            var group = service.GroupFor(route.Policy);
            if (group.Verdict != Verdict.Forward)
            {
                elements.Add(new(new(group.Verdict == Verdict.Drop ? SetKind.Drop : SetKind.Reject, origin), key));
                continue;
            }

            // Answers that go past this node could not be translated back.
            if (route.Masquerade && Forwarding.For(service, frontend, group) == IpvsForwarding.Masquerade)
            {
                elements.Add(new(new(SetKind.Masquerade, origin), key));
            }

            if (route.Policy != frontend.Outside.Policy && !group.Equals(outside))
            {
                var mark = marks.Take(service.Key, route.Masquerade);
                var server = new IpvsServiceKey(service.Family, mark);
                servers.TryAdd(server, Server(service, server, group, Forwarding.ForAll(service, group)));
                elements.Add(new(new(SetKind.Mark, origin), key, Mark: mark));
            }
        }

        AddSources(frontend, key, elements);

        // An external IP may be the node's own address: its other ports are the node's then.
        if (frontend.Kind != FrontendKind.NodePort && !node.InterfaceAddresses.Contains(address))
        {
            elements.Add(new(new(SetKind.Addresses), new(address, default, 0)));
        }
    }

    private VirtualServer Server(ServicePort service, IpvsServiceKey key, EndpointGroup group, IpvsForwarding forwarding)
    {
        var isAffine = service.AffinityTimeoutSeconds > 0;
        var (scheduler, flags) = isAffine && key.Mark != 0 ? KernelSchedulers.SourceHash : schedulers.For(service, group);
        var isPersistent = isAffine && key.Mark == 0;
        var destinations = ImmutableArray.CreateBuilder<IpvsDestination>(group.Endpoints.Length + service.Draining.Length);
        foreach (var endpoint in group.Endpoints)
        {
            destinations.Add(new IpvsDestination(endpoint.Address, endpoint.Port) { Forwarding = forwarding, Weight = endpoint.Weight });
        }

        foreach (var endpoint in service.Draining)
        {
            if (!group.Endpoints.Any(active => active.Address == endpoint.Address && active.Port == endpoint.Port))
            {
                destinations.Add(new IpvsDestination(endpoint.Address, endpoint.Port) { Forwarding = forwarding, Weight = 0 });
            }
        }

        return new VirtualServer(
            new IpvsService(key, scheduler)
            {
                Flags = flags | (isPersistent ? IpvsServiceFlags.Persistent : default),
                Timeout = TimeSpan.FromSeconds(isPersistent ? service.AffinityTimeoutSeconds : 0),
            },
            service.Protocol,
            destinations.ToImmutable());
    }

    private static void AddSources(in Frontend frontend, FrontendKey key, ImmutableArray<SetElement>.Builder elements)
    {
        if (frontend.SourceRanges.IsDefault)
        {
            return;
        }

        elements.Add(new(new(SetKind.Restricted), key));

        // The kernel refuses overlapping intervals, and one inside another adds nothing.
        var ranges = frontend.SourceRanges.Where(range => range.Family == key.Address.Family).Distinct().ToList();
        foreach (var range in ranges.Where(range => !ranges.Exists(other => other != range && other.Length < range.Length && other.Contains(range.Address))))
        {
            elements.Add(new(new(SetKind.Allowed), key, range));
        }
    }

    private static void AddHairpin(ServicePort service, ImmutableArray<SetElement>.Builder elements)
    {
        foreach (var address in service.Cluster.Endpoints.Concat(service.Local.Endpoints).Where(static endpoint => endpoint.IsLocal)
            .Select(static endpoint => endpoint.Address).Distinct())
        {
            elements.Add(new(new(SetKind.Hairpin), new(address, default, 0)));
        }
    }
}
