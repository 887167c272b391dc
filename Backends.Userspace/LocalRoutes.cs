using System.Collections.Immutable;
using ProxyFramework.Netlink;
using ProxyFramework.Netlink.Route;

namespace ProxyFramework.Backends.Userspace;

/// <summary>
/// Addresses made local by a route of type <c>local</c> on the loopback interface (<c>ip route add local ADDRESS dev lo table
/// local proto 78</c>): cheaper than an address on a device, and recognisable by the protocol number. The kernel answers ARP for them
/// on every interface unless <c>arp_ignore</c> is set, and no neighbour solicitations. A <see cref="PortGuard"/> stands before them.
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
    private readonly HashSet<InetAddress> _guarded = [];
    private PortGuard? _guard;

    public string? Guard()
    {
        try
        {
            _guard = PortGuard.Open();
            return null;
        }
        catch (BackendException error)
        {
            return error.Message;
        }
    }

    public void Admit(ListenKey key) => _guard?.Admit(key);

    public void Exclude(ListenKey key) => _guard?.Exclude(key);

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

        foreach (var address in _guarded.Except(found).ToList())
        {
            Unguard(address);
        }

        foreach (var address in found)
        {
            Guard(address);
        }

        return ValueTask.FromResult<IReadOnlyCollection<InetAddress>>(found);
    }

    /// <summary>
    /// EEXIST is success: the kernel has such a route for an address on an interface. It is the node's, then, and is not guarded.
    /// EPERM is no failure either where the address is local already.
    /// </summary>
    public ValueTask<IReadOnlyDictionary<InetAddress, string>> AddAsync(
        IReadOnlyCollection<InetAddress> addresses, CancellationToken cancellationToken) =>
        Execute(addresses, _netlink.AddRoutes, Errno.EEXIST, "made local", Guard, cancellationToken);

    public ValueTask<IReadOnlyDictionary<InetAddress, string>> RemoveAsync(
        IReadOnlyCollection<InetAddress> addresses, CancellationToken cancellationToken) =>
        Execute(addresses, _netlink.DeleteRoutes, Errno.ESRCH, "taken away", Unguard, cancellationToken);

    public void Dispose()
    {
        _guard?.Dispose();
        _netlink.Dispose();
    }

    private ValueTask<IReadOnlyDictionary<InetAddress, string>> Execute(
        IReadOnlyCollection<InetAddress> addresses,
        Func<IEnumerable<IpRoute>, ImmutableArray<NetlinkError>> send,
        int harmless,
        string verb,
        Action<InetAddress> done,
        CancellationToken cancellationToken)
    {
        var problems = new Dictionary<InetAddress, string>();
        foreach (var batch in addresses.Chunk(BatchSize))
        {
            cancellationToken.ThrowIfCancellationRequested();
            var errors = send(batch.Select(Route));
            foreach (var address in batch.Except(errors.Select(error => batch[error.MessageIndex])))
            {
                done(address);
            }

            foreach (var error in errors.Where(error => error.Errno != harmless))
            {
                var address = batch[error.MessageIndex];
                if (error.Errno != Errno.EPERM)
                {
                    problems[address] = $"the address {address} cannot be {verb}: {error}";
                }
                else if (harmless != Errno.EEXIST || _netlink.Lookup(address)?.Type != RouteType.Local)
                {
                    problems[address] = $"the address {address} cannot be {verb}: that needs CAP_NET_ADMIN";
                }
            }
        }

        return ValueTask.FromResult<IReadOnlyDictionary<InetAddress, string>>(problems);
    }

    private void Guard(InetAddress address)
    {
        if (_guard is not null && _guarded.Add(address))
        {
            _guard.Guard(address);
        }
    }

    private void Unguard(InetAddress address)
    {
        if (_guarded.Remove(address))
        {
            _guard!.Unguard(address);
        }
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
