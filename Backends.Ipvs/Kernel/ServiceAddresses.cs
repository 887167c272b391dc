using System.Collections.Immutable;
using ProxyFramework.Netlink;
using ProxyFramework.Netlink.Route;

namespace ProxyFramework.Backends.Ipvs.Kernel;

/// <summary>
/// Makes service addresses the node's own, by routes of type <c>local</c> (<c>ip route show table local proto 79</c>): IPVS sees only
/// packets that the node takes for its own.
/// </summary>
internal sealed class ServiceAddresses : IDisposable
{
    /// <summary>Whose routes they are; neither in linux/rtnetlink.h (<c>RTPROT_*</c>) nor in iproute2's <c>rt_protos</c>, and not userspace mode's.</summary>
    public const byte RouteProtocol = 79;

    private const int LoopbackInterface = 1;

    private readonly RtNetlink _netlink = RtNetlink.Open();
    private HashSet<InetAddress> _present = [];

    /// <summary>Those that there are.</summary>
    public IReadOnlySet<InetAddress> Present => _present;

    /// <summary>Reads those that there are from the kernel.</summary>
    /// <exception cref="NetlinkException">The kernel refused.</exception>
    public void Read() => _present =
    [
        .. Enum.GetValues<IPFamily>()
            .SelectMany(family => _netlink.GetRoutes(new RouteFilter(family) { Table = IpRoute.LocalTable, Protocol = RouteProtocol, Type = RouteType.Local }))
            .Where(static route => route.Destination.Length == route.Destination.Address.BitLength)
            .Select(static route => route.Destination.Address),
    ];

    /// <summary>Adds addresses; those that the node has anyway stay the node's.</summary>
    /// <returns>Those that the kernel refused, and why.</returns>
    /// <exception cref="NetlinkException">The socket failed.</exception>
    public Dictionary<InetAddress, string> Add(IEnumerable<InetAddress> addresses)
    {
        InetAddress[] missing = [.. addresses.Where(address => !_present.Contains(address)).Distinct()];
        var refused = Execute(missing, _netlink.AddRoutes, Errno.EEXIST);
        _present.UnionWith(missing.Where(address => !refused.ContainsKey(address)));
        return refused;
    }

    /// <summary>Takes addresses away.</summary>
    /// <exception cref="NetlinkException">The socket failed.</exception>
    public void Remove(IEnumerable<InetAddress> addresses)
    {
        InetAddress[] former = [.. addresses.Where(_present.Contains).Distinct()];
        Execute(former, _netlink.DeleteRoutes, Errno.ESRCH);
        _present.ExceptWith(former);
    }

    public void Dispose() => _netlink.Dispose();

    private static Dictionary<InetAddress, string> Execute(
        InetAddress[] addresses, Func<IEnumerable<IpRoute>, ImmutableArray<NetlinkError>> send, int harmless) => addresses.Length == 0
        ? []
        : send(addresses.Select(Route)).Where(error => error.Errno != harmless)
            .ToDictionary(error => addresses[error.MessageIndex], error => $"the address {addresses[error.MessageIndex]} cannot be made local: {error}");

    private static IpRoute Route(InetAddress address) => new(InetPrefix.Single(address))
    {
        Table = IpRoute.LocalTable,
        Protocol = RouteProtocol,
        Type = RouteType.Local,
        Scope = RouteScope.Host,
        Interface = LoopbackInterface,
    };
}
