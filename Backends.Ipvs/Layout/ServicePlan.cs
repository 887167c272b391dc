using System.Collections.Immutable;
using ProxyFramework.KernelBackends;
using ProxyFramework.Netlink.Ipvs;

namespace ProxyFramework.Backends.Ipvs.Layout;

/// <summary>A virtual server with its real servers.</summary>
/// <param name="Service">The virtual server.</param>
/// <param name="Protocol">Whose; that of one with a mark cannot be told from its key.</param>
/// <param name="Destinations">Its real servers, each address and port once; those of weight 0 keep their connections and get no new ones.</param>
internal sealed record VirtualServer(IpvsService Service, TransportProtocol Protocol, ImmutableArray<IpvsDestination> Destinations);

/// <summary>What the kernel needs for one service port.</summary>
/// <param name="Servers">Its virtual servers.</param>
/// <param name="Elements">Its elements of sets, those of shared sets perhaps more than once.</param>
/// <param name="Notices">What is not quite as asked for.</param>
internal sealed record ServicePlan(
    ImmutableArray<VirtualServer> Servers, ImmutableArray<SetElement> Elements, ImmutableArray<string> Notices)
{
    /// <summary>Of a service port that is not there.</summary>
    public static ServicePlan None { get; } = new([], [], []);

    /// <summary>Without what is at a frontend that someone else has.</summary>
    public ServicePlan Without(IpvsServiceKey server)
    {
        var frontend = new FrontendKey(server.Address, server.Protocol, server.Port);
        return this with
        {
            Servers = Servers.RemoveAll(mine => mine.Service.Key == server),
            Elements = Elements.RemoveAll(element => element.Key == frontend || (element.Set.Kind == SetKind.Addresses && element.Key.Address == server.Address)),
        };
    }
}
