using System.Collections.Immutable;
using ProxyFramework.Netlink.Ipvs;

namespace ProxyFramework.Backends.Ipvs.Layout;

/// <summary>
/// How packets reach the endpoints of a service, by its annotation <c>proxyframework.io/forwarding</c>: <c>masquerade</c> unless it says
/// <c>direct</c> or <c>tunnel</c>. Those leave the packet as it is, so that the endpoint must have the service address itself, and
/// answers go past this node. The port stays too: where it would have to change, and at node ports, it is masquerading all the same.
/// </summary>
internal static class Forwarding
{
    /// <summary>The annotation, without its prefix.</summary>
    public const string Option = "forwarding";

    /// <summary>How packets to a frontend reach a group of endpoints.</summary>
    public static IpvsForwarding For(ServicePort service, in Frontend frontend, EndpointGroup group)
    {
        var asked = Asked(service);
        var port = frontend.Port;
        return frontend.Kind != FrontendKind.NodePort && group.Endpoints.All(endpoint => endpoint.Port == port) ? asked : IpvsForwarding.Masquerade;
    }

    /// <summary>How packets of any of a service's frontends reach a group of endpoints, where they share a virtual server.</summary>
    public static IpvsForwarding ForAll(ServicePort service, EndpointGroup group) =>
        service.Frontends.All(frontend => For(service, frontend, group) != IpvsForwarding.Masquerade) ? Asked(service) : IpvsForwarding.Masquerade;

    /// <summary>What of the annotation is not as asked for.</summary>
    public static ImmutableArray<string> NoticesFor(ServicePort service)
    {
        if (!service.Options.TryGetValue(Option, out var wanted) || wanted == "masquerade")
        {
            return [];
        }

        if (Asked(service) == IpvsForwarding.Masquerade)
        {
            return [$"forwarding '{wanted}' is none of masquerade, direct and tunnel; masquerade is used"];
        }

        return
        [
            .. service.Frontends.Where(frontend => service.Cluster.Verdict == Verdict.Forward && For(service, frontend, service.Cluster) == IpvsForwarding.Masquerade)
                .Select(frontend => $"forwarding '{wanted}' keeps the port, and {frontend} has another than the endpoints; masquerade is used there"),
        ];
    }

    private static IpvsForwarding Asked(ServicePort service) => service.Options.GetValueOrDefault(Option) switch
    {
        "direct" => IpvsForwarding.DirectRoute,
        "tunnel" => IpvsForwarding.Tunnel,
        _ => IpvsForwarding.Masquerade,
    };
}
