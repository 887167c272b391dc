using ProxyFramework.KernelBackends;

namespace ProxyFramework.Backends.Nftables.Layout;

/// <summary>Translates a service port into the elements that make the kernel do it. Pure: the same input gives the same elements.</summary>
internal sealed class ElementLayout(SlotTables slots)
{
    /// <summary>The number of a group's first slot. Not 0, which <c>nft</c> prints as a priority of "none".</summary>
    public const uint FirstSlot = 1;

    private static readonly TrafficOrigin[] Origins = [TrafficOrigin.Outside, TrafficOrigin.LocalPod, TrafficOrigin.Node];

    /// <summary>Adds the elements of a service port, each key once but for shared sets.</summary>
    public void Add(ServicePort service, List<Element> elements)
    {
        var cluster = new Group(service.Cluster);
        var local = new Group(service.Local);
        foreach (ref readonly var frontend in service.Frontends.AsSpan())
        {
            var key = FrontendKey.Of(service, frontend);
            AddOrigins(frontend, key, elements);
            AddSources(frontend, key, elements);
            if (UsesPolicy(frontend, TrafficPolicy.Cluster))
            {
                AddGroup(service, frontend, key, TrafficPolicy.Cluster, ref cluster, elements);
            }

            if (UsesPolicy(frontend, TrafficPolicy.Local))
            {
                AddGroup(service, frontend, key, TrafficPolicy.Local, ref local, elements);
            }

            if (frontend.Kind != FrontendKind.NodePort)
            {
                var kind = frontend.Kind == FrontendKind.ClusterIP ? SetKind.ClusterIPs : SetKind.ExternalIPs;
                elements.Add(new(new(new(kind), new(frontend.Address, default, 0))));
            }
        }

        AddEndpointAddresses(service, elements);
    }

    private static bool UsesPolicy(in Frontend frontend, TrafficPolicy policy) =>
        frontend.Outside.Policy == policy || frontend.LocalPod.Policy == policy || frontend.Node.Policy == policy;

    private static void AddOrigins(in Frontend frontend, FrontendKey key, List<Element> elements)
    {
        var isNodePort = frontend.Kind == FrontendKind.NodePort;
        foreach (var origin in Origins)
        {
            var route = frontend.RouteFrom(origin);
            if (route.Policy == TrafficPolicy.Local)
            {
                elements.Add(new(new(new(SetKind.Local, isNodePort, Origin: origin), key)));
            }

            if (route.Masquerade)
            {
                elements.Add(new(new(new(SetKind.Masquerade, isNodePort, Origin: origin), key)));
            }
        }
    }

    private static void AddSources(in Frontend frontend, FrontendKey key, List<Element> elements)
    {
        if (frontend.SourceRanges.IsDefault)
        {
            return;
        }

        var isNodePort = frontend.Kind == FrontendKind.NodePort;
        elements.Add(new(new(new(SetKind.Restricted, isNodePort), key)));

        // The kernel refuses overlapping elements of an interval set, and one inside another adds nothing.
        var ranges = frontend.SourceRanges;
        for (var i = 0; i < ranges.Length; i++)
        {
            if (ranges[i].Family == key.Address.Family && !IsCovered(ranges[i], i, ranges.AsSpan()))
            {
                elements.Add(new(new(new(SetKind.Allowed, isNodePort), key, Source: ranges[i])));
            }
        }
    }

    private static bool IsCovered(InetPrefix range, int position, ReadOnlySpan<InetPrefix> ranges)
    {
        for (var i = 0; i < ranges.Length; i++)
        {
            if (i != position && ranges[i].Contains(range.Address)
                && (ranges[i].Length < range.Length || (ranges[i].Length == range.Length && i < position)))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>What is kept for addresses of endpoints. Counted as often as it is wanted, so an endpoint in both groups may come twice.</summary>
    private static void AddEndpointAddresses(ServicePort service, List<Element> elements)
    {
        AddEndpointAddresses(service.Protocol, service.Cluster, elements);
        if (!ReferenceEquals(service.Local, service.Cluster))
        {
            AddEndpointAddresses(service.Protocol, service.Local, elements);
        }
    }

    private static void AddEndpointAddresses(TransportProtocol protocol, EndpointGroup group, List<Element> elements)
    {
        foreach (ref readonly var endpoint in group.Endpoints.AsSpan())
        {
            var key = new FrontendKey(endpoint.Address, default, 0);
            if (endpoint.IsLocal)
            {
                elements.Add(new(new(new(SetKind.Hairpin), key)));
            }

            if (protocol == TransportProtocol.Tcp)
            {
                elements.Add(new(new(new(SetKind.EndpointAddresses), key)));
            }
        }
    }

    private void AddGroup(
        ServicePort service, in Frontend frontend, FrontendKey key, TrafficPolicy policy, ref Group group, List<Element> elements)
    {
        var isNodePort = frontend.Kind == FrontendKind.NodePort;
        if (group.Endpoints.Verdict != Verdict.Forward)
        {
            var kind = group.Endpoints.Verdict == Verdict.Reject ? SetKind.Reject : SetKind.Drop;
            elements.Add(new(new(new(kind, isNodePort, policy), key)));
            return;
        }

        var table = group.Table ??= slots.For(service, group.Endpoints);
        var endpoints = group.Endpoints.Endpoints;
        var slotClass = new SlotClass(
            (ushort)table.Slots.Length,
            SelectorOf(table),
            service.AffinityTimeoutSeconds);
        elements.Add(new(new(new(SetKind.Class, isNodePort, policy, Class: slotClass), key)));
        if (service.AffinityTimeoutSeconds == 0)
        {
            for (var slot = 0; slot < table.Slots.Length; slot++)
            {
                var endpoint = endpoints[table.Slots[slot]];
                elements.Add(new(new(new(SetKind.Endpoints, isNodePort, policy), key, FirstSlot + (uint)slot), new(endpoint.Address, endpoint.Port)));
            }

            return;
        }

        var ids = group.Ids ??= EndpointIds.Assign(endpoints);
        for (var i = 0; i < ids.Length; i++)
        {
            elements.Add(new(new(new(SetKind.AffinityEndpoints, isNodePort, policy), key, ids[i]), new(endpoints[i].Address, endpoints[i].Port)));
        }

        for (var slot = 0; slot < table.Slots.Length; slot++)
        {
            elements.Add(new(new(new(SetKind.AffinitySlots, isNodePort, policy), key, FirstSlot + (uint)slot), new(default, 0, ids[table.Slots[slot]])));
        }
    }

    /// <summary>Round robin is random here, for the kernel's counter would be common to all services of the class; one slot needs no hash.</summary>
    private static SlotSelector SelectorOf(SlotTable table) =>
        table.Slots.Length == 1 || table.Selector == SlotSelector.RoundRobin ? SlotSelector.Random : table.Selector;

    /// <summary>A group and what is computed once for all frontends that use it.</summary>
    private struct Group(EndpointGroup endpoints)
    {
        public EndpointGroup Endpoints = endpoints;
        public SlotTable? Table;
        public uint[]? Ids;
    }
}
