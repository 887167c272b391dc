using System.Collections.Immutable;
using ProxyFramework.Core.Objects;

namespace ProxyFramework.Core.View;

/// <summary>A frontend that a Service asks for, before conflicts are resolved.</summary>
internal readonly record struct ServiceFrontend(ushort PortIndex, IPFamily Family, FrontendKind Kind, FrontendSocket Socket)
{
    /// <summary>Lists the frontends of a validated Service: those of one port and family together, there ordered by kind.</summary>
    public static void Collect(Service service, List<ServiceFrontend> into)
    {
        foreach (var family in (ReadOnlySpan<IPFamily>)[IPFamily.IPv4, IPFamily.IPv6])
        {
            // A Service has the families of its cluster IPs (spec.ipFamilies says the same).
            if (!ServiceValidation.HasFamily(service.ClusterIPs, family))
            {
                continue;
            }

            for (var i = 0; i < service.Ports.Length; i++)
            {
                ref readonly var port = ref service.Ports.ItemRef(i);
                Collect(service.ClusterIPs, FrontendKind.ClusterIP, family, i, port, into);
                Collect(service.LoadBalancerIPs, FrontendKind.LoadBalancerIP, family, i, port, into);
                Collect(service.ExternalIPs, FrontendKind.ExternalIP, family, i, port, into);
                if (port.NodePort != 0 && service.Type is (ServiceType.NodePort or ServiceType.LoadBalancer))
                {
                    var socket = new FrontendSocket(InetAddress.Any(family), port.NodePort, port.Protocol);
                    into.Add(new ServiceFrontend((ushort)i, family, FrontendKind.NodePort, socket));
                }
            }
        }
    }

    private static void Collect(
        ImmutableArray<InetAddress> addresses, FrontendKind kind, IPFamily family, int portIndex, in ServicePortSpec port, List<ServiceFrontend> into)
    {
        foreach (var address in addresses)
        {
            if (address.Family == family)
            {
                into.Add(new ServiceFrontend((ushort)portIndex, family, kind, new FrontendSocket(address, port.Port, port.Protocol)));
            }
        }
    }
}
