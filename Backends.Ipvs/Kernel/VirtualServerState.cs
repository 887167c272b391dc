using System.Collections.Immutable;
using ProxyFramework.Netlink.Ipvs;

namespace ProxyFramework.Backends.Ipvs.Kernel;

/// <summary>One of our virtual servers as the kernel has it.</summary>
internal sealed class VirtualServerState(IpvsService service)
{
    /// <summary>As it is configured.</summary>
    public IpvsService Service { get; set; } = service;

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
internal readonly record struct RefusedServer(IpvsServiceKey Server, string Reason);

/// <summary>What draining has brought to its end.</summary>
/// <param name="Ended">Virtual servers that are gone.</param>
/// <param name="IsDone">Whether nothing drains any more.</param>
internal readonly record struct DrainResult(ImmutableArray<IpvsServiceKey> Ended, bool IsDone);
