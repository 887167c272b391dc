using ProxyFramework.Netlink.Ipvs;

namespace ProxyFramework.Backends.Ipvs.Kernel;

/// <summary>One of our virtual servers as the kernel has it.</summary>
internal sealed class VirtualServerState(IpvsService service)
{
    /// <summary>As it is configured.</summary>
    public IpvsService Service { get; set; } = service;

    /// <summary>Whether its connections have no end to wait for; of one with a mark it is known only once it was wanted.</summary>
    public bool IsConnectionless { get; set; } = service.Key is { Mark: 0, Protocol: TransportProtocol.Udp };

    /// <summary>Its real servers, each with the time since which it drains.</summary>
    public Dictionary<(InetAddress Address, ushort Port), (IpvsDestination Destination, DateTimeOffset? DrainsSince)> Destinations { get; } = [];

    /// <summary>Since when no service wants it any more.</summary>
    public DateTimeOffset? RetiresSince { get; set; }

    /// <summary>Whether a change was refused, so that the kernel must be asked what there is.</summary>
    public bool IsUnknown { get; set; }

    /// <summary>Whether some of its connections go on only until they end.</summary>
    public bool IsDraining => RetiresSince is not null || Destinations.Values.Any(static destination => destination.DrainsSince is not null);

    /// <summary>Reads a virtual server from the kernel.</summary>
    public static VirtualServerState Read(IpvsNetlink ipvs, IpvsService service)
    {
        var state = new VirtualServerState(service);
        foreach (var destination in ipvs.GetDestinations(service.Key))
        {
            state.Destinations[(destination.Destination.Address, destination.Destination.Port)] = (destination.Destination, null);
        }

        return state;
    }
}

/// <summary>A change that the kernel refused.</summary>
/// <param name="Server">Of which virtual server.</param>
/// <param name="Reason">What the kernel said.</param>
/// <param name="IsForeign">Whether it is because someone else made that virtual server.</param>
internal readonly record struct RefusedServer(IpvsServiceKey Server, string Reason, bool IsForeign = false)
{
    /// <summary>Someone else made that virtual server.</summary>
    public static RefusedServer Foreign(IpvsServiceKey server) =>
        new(server, $"the virtual server {server} exists and was not made by svcproxy (ipvsadm -Ln shows it)", IsForeign: true);
}
