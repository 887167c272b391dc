using System.Collections.Immutable;
using ProxyFramework.Netlink;
using ProxyFramework.Netlink.Route;

namespace ProxyFramework.Backends.Userspace;

/// <summary>
/// Addresses made local by a route of type <c>local</c> on the loopback interface (<c>ip route add local ADDRESS dev lo table
/// local proto 78</c>): cheaper than an address on a device, and recognisable by the protocol number. The kernel answers ARP and
/// neighbour solicitations for them as for its own.
/// </summary>
internal sealed class LocalRoutes : ILocalAddresses
{
    /// <summary>
    /// Whose routes they are. 78 stands neither in the kernel's list (linux/rtnetlink.h, <c>RTPROT_*</c>) nor in iproute2's
    /// <c>rt_protos</c>.
    /// </summary>
    public const byte RouteProtocol = 78;

    private const int LoopbackInterface = 1;

    /// <summary>How many routes go in one request, so that cancellation is noticed.</summary>
    private const int BatchSize = 4096;

    private readonly RtNetlink _netlink = RtNetlink.Open();

    public ValueTask<IReadOnlyCollection<InetAddress>> ReadAsync(CancellationToken cancellationToken)
    {
        var found = new HashSet<InetAddress>();
        foreach (var family in (ReadOnlySpan<IPFamily>)[IPFamily.IPv4, IPFamily.IPv6])
        {
            cancellationToken.ThrowIfCancellationRequested();
            var filter = new RouteFilter(family) { Table = IpRoute.LocalTable, Protocol = RouteProtocol, Type = RouteType.Local };
            found.UnionWith(_netlink.GetRoutes(filter)
                .Where(route => route.Destination.Length == route.Destination.Address.BitLength)
                .Select(route => route.Destination.Address));
        }

        return ValueTask.FromResult<IReadOnlyCollection<InetAddress>>(found);
    }

    /// <summary>EEXIST is success: the route is there, ours from an earlier run, or the kernel's for an address on an interface.</summary>
    public ValueTask<IReadOnlyDictionary<InetAddress, string>> AddAsync(
        IReadOnlyCollection<InetAddress> addresses, CancellationToken cancellationToken) =>
        Execute(addresses, _netlink.AddRoutes, Errno.EEXIST, "made local", cancellationToken);

    public ValueTask<IReadOnlyDictionary<InetAddress, string>> RemoveAsync(
        IReadOnlyCollection<InetAddress> addresses, CancellationToken cancellationToken) =>
        Execute(addresses, _netlink.DeleteRoutes, Errno.ESRCH, "taken away", cancellationToken);

    public void Dispose() => _netlink.Dispose();

    private static ValueTask<IReadOnlyDictionary<InetAddress, string>> Execute(
        IReadOnlyCollection<InetAddress> addresses,
        Func<IEnumerable<IpRoute>, ImmutableArray<NetlinkError>> send,
        int harmless,
        string verb,
        CancellationToken cancellationToken)
    {
        var problems = new Dictionary<InetAddress, string>();
        foreach (var batch in addresses.Chunk(BatchSize))
        {
            cancellationToken.ThrowIfCancellationRequested();
            foreach (var error in send(batch.Select(Route)).Where(error => error.Errno != harmless))
            {
                var address = batch[error.MessageIndex];
                problems[address] = error.Errno == Errno.EPERM
                    ? $"the address {address} cannot be {verb}: that needs CAP_NET_ADMIN"
                    : $"the address {address} cannot be {verb}: {error}";
            }
        }

        return ValueTask.FromResult<IReadOnlyDictionary<InetAddress, string>>(problems);
    }

    private static IpRoute Route(InetAddress address) => new(InetPrefix.Single(address))
    {
        Table = IpRoute.LocalTable,
        Protocol = RouteProtocol,
        Type = RouteType.Local,
        Scope = RouteScope.Host,
        Interface = LoopbackInterface,
    };
}
