using System.Runtime.CompilerServices;
using static ProxyFramework.Netlink.Route.RtNetlinkHeader;

namespace ProxyFramework.Netlink.Route;

/// <summary>
/// Listens to changes of links, addresses, routes and rules. To miss nothing, open it before the first dump. It waits without a
/// thread of its own. One reader.
/// </summary>
public sealed class RouteSubscription : IDisposable
{
    private readonly NetlinkSubscription _subscription;

    private RouteSubscription(NetlinkSubscription subscription) => _subscription = subscription;

    /// <summary>Opens a subscription in the network namespace of the calling thread.</summary>
    /// <param name="groups">What to listen to.</param>
    /// <param name="receiveBuffer">Bytes of receive buffer; what does not fit is lost, and reported as <see cref="RouteNotification.Overrun"/>.</param>
    /// <exception cref="NetlinkException">A system call failed.</exception>
    public static RouteSubscription Open(RouteGroups groups, int receiveBuffer = 1 << 20)
    {
        var numbers = new List<uint>();
        Add(RouteGroups.Links, RTNLGRP_LINK);
        Add(RouteGroups.Addresses, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR);
        Add(RouteGroups.Routes, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE);
        Add(RouteGroups.Rules, RTNLGRP_IPV4_RULE, RTNLGRP_IPV6_RULE);
        return new RouteSubscription(NetlinkSubscription.Open(NetlinkProtocol.Route, numbers.ToArray(), receiveBuffer));

        void Add(RouteGroups group, params ReadOnlySpan<uint> members)
        {
            if (groups.HasFlag(group))
            {
                numbers.AddRange(members);
            }
        }
    }

    /// <summary>The changes as they come, without end.</summary>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    /// <exception cref="NetlinkException">The socket failed.</exception>
    public async IAsyncEnumerable<RouteNotification> ReadAllAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var notifications = new List<RouteNotification>();
        while (true)
        {
            var received = await _subscription.ReceiveAsync(cancellationToken).ConfigureAwait(false);
            notifications.Clear();
            Parse(received.Span, notifications);
            foreach (var notification in notifications)
            {
                yield return notification;
            }
        }
    }

    /// <summary>Closes the socket.</summary>
    public void Dispose() => _subscription.Dispose();

    internal static void Parse(ReadOnlySpan<byte> received, List<RouteNotification> notifications)
    {
        if (received.IsEmpty)
        {
            notifications.Add(new RouteNotification.Overrun());
            return;
        }

        var reader = new NetlinkReader(received);
        while (reader.TryRead(out var message))
        {
            switch (message.Type)
            {
                case RTM_NEWLINK or RTM_DELLINK when Link.TryParse(message, out var link):
                    notifications.Add(new RouteNotification.LinkChange(link, message.Type == RTM_DELLINK));
                    break;
                case RTM_NEWADDR or RTM_DELADDR when InterfaceAddress.TryParse(message, out var address):
                    notifications.Add(new RouteNotification.AddressChange(address, message.Type == RTM_DELADDR));
                    break;
                case RTM_NEWROUTE or RTM_DELROUTE when IpRoute.TryParse(message, out var route):
                    notifications.Add(new RouteNotification.RouteChange(route, message.Type == RTM_DELROUTE));
                    break;
                case RTM_NEWRULE or RTM_DELRULE when RoutingRule.TryParse(message, out var rule):
                    notifications.Add(new RouteNotification.RuleChange(rule, message.Type == RTM_DELRULE));
                    break;
            }
        }
    }
}
