using System.Collections.Immutable;
using static ProxyFramework.Netlink.NetlinkHeader;
using static ProxyFramework.Netlink.Route.RtNetlinkHeader;

namespace ProxyFramework.Netlink.Route;

/// <summary>
/// Links, addresses, routes and routing rules of a network namespace (rtnetlink(7)). Lists are sent many messages a system call;
/// their results name each item that was refused by its position. Not thread-safe: one caller at a time.
/// </summary>
public sealed class RtNetlink : IDisposable
{
    private readonly NetlinkConnection _connection;
    private readonly NetlinkWriter _writer = new();

    private RtNetlink(NetlinkConnection connection) => _connection = connection;

    /// <summary>Opens a connection in the network namespace of the calling thread.</summary>
    /// <exception cref="NetlinkException">A system call failed.</exception>
    public static RtNetlink Open() => new(NetlinkConnection.Open(NetlinkProtocol.Route));

    /// <summary>All network interfaces.</summary>
    /// <exception cref="NetlinkException">The kernel refused.</exception>
    public IReadOnlyList<Link> GetLinks()
    {
        _writer.Reset();
        _writer.BeginMessage(RTM_GETLINK, NLM_F_DUMP);
        _writer.Fixed(default(ifinfomsg));
        _writer.EndMessage();
        return _connection.Dump<Link>(_writer, Link.TryParse);
    }

    /// <summary>The network interface of this name, or null.</summary>
    /// <exception cref="NetlinkException">The kernel refused.</exception>
    public Link? FindLink(string name)
    {
        _writer.Reset();
        _writer.BeginMessage(RTM_GETLINK, 0);
        _writer.Fixed(default(ifinfomsg));
        _writer.String(IFLA_IFNAME, name);
        _writer.EndMessage();
        try
        {
            return _connection.Query<Link>(_writer, Link.TryParse).FirstOrDefault();
        }
        catch (NetlinkException missing) when (missing.ErrorNumber == Errno.ENODEV)
        {
            return null;
        }
    }

    /// <summary>Makes a network interface without options of its own, such as a <c>dummy</c> or a <c>bridge</c>, and takes it up.</summary>
    /// <exception cref="NetlinkException"><c>EEXIST</c>: the name is taken; <c>EOPNOTSUPP</c>: the kernel does not know the kind.</exception>
    public void AddLink(string name, string kind)
    {
        _writer.Reset();
        _writer.BeginMessage(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
        _writer.Fixed(new ifinfomsg { ifi_flags = IFF_UP, ifi_change = IFF_UP });
        _writer.String(IFLA_IFNAME, name);
        using (_writer.Nested(IFLA_LINKINFO))
        {
            _writer.String(IFLA_INFO_KIND, kind);
        }

        _writer.EndMessage();
        _connection.Execute(_writer);
    }

    /// <summary>Takes a network interface up or down.</summary>
    /// <exception cref="NetlinkException"><c>ENODEV</c>: there is none.</exception>
    public void SetLinkUp(int index, bool up)
    {
        _writer.Reset();
        _writer.BeginMessage(RTM_NEWLINK, 0);
        _writer.Fixed(new ifinfomsg { ifi_index = index, ifi_flags = up ? IFF_UP : 0, ifi_change = IFF_UP });
        _writer.EndMessage();
        _connection.Execute(_writer);
    }

    /// <summary>Removes a network interface.</summary>
    /// <exception cref="NetlinkException"><c>ENODEV</c>: there is none.</exception>
    public void DeleteLink(int index)
    {
        _writer.Reset();
        _writer.BeginMessage(RTM_DELLINK, 0);
        _writer.Fixed(new ifinfomsg { ifi_index = index });
        _writer.EndMessage();
        _connection.Execute(_writer);
    }

    /// <summary>The addresses of this machine, or of one interface.</summary>
    /// <exception cref="NetlinkException">The kernel refused.</exception>
    public IReadOnlyList<InterfaceAddress> GetAddresses(int? link = null)
    {
        _writer.Reset();
        _writer.BeginMessage(RTM_GETADDR, NLM_F_DUMP);
        _writer.Fixed(new ifaddrmsg { ifa_index = link ?? 0 });
        _writer.EndMessage();
        var addresses = _connection.Dump<InterfaceAddress>(_writer, InterfaceAddress.TryParse);
        return link is null ? addresses : addresses.FindAll(address => address.Interface == link);
    }

    /// <summary>Adds addresses. One that is there already is refused with <c>EEXIST</c>.</summary>
    /// <returns>What was refused.</returns>
    public ImmutableArray<NetlinkError> AddAddresses(IEnumerable<InterfaceAddress> addresses) =>
        SendAll(addresses, static (writer, address) => address.Write(writer, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL));

    /// <summary>Deletes addresses. One that is not there is refused with <c>EADDRNOTAVAIL</c>.</summary>
    /// <inheritdoc cref="AddAddresses"/>
    public ImmutableArray<NetlinkError> DeleteAddresses(IEnumerable<InterfaceAddress> addresses) =>
        SendAll(addresses, static (writer, address) => address.Write(writer, RTM_DELADDR, 0));

    /// <summary>The routes that a filter lets through.</summary>
    /// <exception cref="NetlinkException">The kernel refused.</exception>
    public IReadOnlyList<IpRoute> GetRoutes(RouteFilter filter)
    {
        ArgumentNullException.ThrowIfNull(filter);
        _writer.Reset();
        filter.Write(_writer);
        try
        {
            return _connection.Dump<IpRoute>(_writer, IpRoute.TryParse).FindAll(filter.Matches);
        }
        catch (NetlinkException missing) when (missing.ErrorNumber == Errno.ENOENT && filter.Table is not null)
        {
            // A table comes into being with its first route.
            return [];
        }
    }

    /// <summary>Adds routes. One that is there already is refused with <c>EEXIST</c>.</summary>
    /// <inheritdoc cref="AddAddresses"/>
    public ImmutableArray<NetlinkError> AddRoutes(IEnumerable<IpRoute> routes) =>
        SendAll(routes, static (writer, route) => route.Write(writer, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL));

    /// <summary>Adds routes, in place of those with the same destination, table and priority.</summary>
    /// <inheritdoc cref="AddAddresses"/>
    public ImmutableArray<NetlinkError> ReplaceRoutes(IEnumerable<IpRoute> routes) =>
        SendAll(routes, static (writer, route) => route.Write(writer, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE));

    /// <summary>Deletes routes. One that is not there is refused with <c>ESRCH</c>.</summary>
    /// <inheritdoc cref="AddAddresses"/>
    public ImmutableArray<NetlinkError> DeleteRoutes(IEnumerable<IpRoute> routes) =>
        SendAll(routes, static (writer, route) => route.Write(writer, RTM_DELROUTE, 0));

    /// <summary>Which route a packet would take.</summary>
    /// <param name="destination">Where it goes.</param>
    /// <param name="source">Where it comes from, if that is settled.</param>
    /// <param name="mark">Its packet mark.</param>
    /// <returns>The route with the interface, gateway and source address chosen; null where there is none.</returns>
    /// <exception cref="NetlinkException">The kernel refused for another reason than that there is no route.</exception>
    public IpRoute? Lookup(InetAddress destination, InetAddress? source = null, uint mark = 0)
    {
        _writer.Reset();
        _writer.BeginMessage(RTM_GETROUTE, 0);
        _writer.Fixed(new rtmsg
        {
            rtm_family = AddressFamily(destination.Family),
            rtm_dst_len = (byte)destination.BitLength,
            rtm_src_len = (byte)(source?.BitLength ?? 0),
            rtm_flags = RTM_F_LOOKUP_TABLE,
        });
        _writer.Address(RTA_DST, destination);
        if (source is { } from)
        {
            _writer.Address(RTA_SRC, from);
        }

        if (mark != 0)
        {
            _writer.U32(RTA_MARK, mark);
        }

        _writer.EndMessage();
        try
        {
            return _connection.Query<IpRoute>(_writer, IpRoute.TryParse).FirstOrDefault();
        }
        catch (NetlinkException none) when (none.ErrorNumber is Errno.ENETUNREACH or Errno.EHOSTUNREACH or Errno.ESRCH)
        {
            return null;
        }
    }

    /// <summary>The routing rules of a family, in their order.</summary>
    /// <exception cref="NetlinkException">The kernel refused.</exception>
    public IReadOnlyList<RoutingRule> GetRules(IPFamily family)
    {
        _writer.Reset();
        _writer.BeginMessage(RTM_GETRULE, NLM_F_DUMP);
        _writer.Fixed(new fib_rule_hdr { family = AddressFamily(family) });
        _writer.EndMessage();
        return _connection.Dump<RoutingRule>(_writer, RoutingRule.TryParse);
    }

    /// <summary>Adds routing rules. One that is there already is refused with <c>EEXIST</c>.</summary>
    /// <inheritdoc cref="AddAddresses"/>
    public ImmutableArray<NetlinkError> AddRules(IEnumerable<RoutingRule> rules) =>
        SendAll(rules, static (writer, rule) => rule.Write(writer, RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL));

    /// <summary>Deletes routing rules. One that is not there is refused with <c>ENOENT</c>.</summary>
    /// <inheritdoc cref="AddAddresses"/>
    public ImmutableArray<NetlinkError> DeleteRules(IEnumerable<RoutingRule> rules) =>
        SendAll(rules, static (writer, rule) => rule.Write(writer, RTM_DELRULE, 0));

    /// <summary>Closes the socket.</summary>
    public void Dispose()
    {
        _connection.Dispose();
        _writer.Dispose();
    }

    private ImmutableArray<NetlinkError> SendAll<T>(IEnumerable<T> items, Action<NetlinkWriter, T> write)
    {
        ArgumentNullException.ThrowIfNull(items);
        _writer.Reset();
        foreach (var item in items)
        {
            write(_writer, item);
        }

        return _connection.TryExecute(_writer);
    }
}
