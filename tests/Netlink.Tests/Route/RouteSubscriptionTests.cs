using ProxyFramework.Netlink.Route;
using ProxyFramework.Testing;
using Xunit;

namespace ProxyFramework.Netlink.Tests.Route;

public sealed class RouteSubscriptionTests : IDisposable
{
    private readonly NetworkNamespace _ns = NetworkNamespace.Create();
    private readonly CancellationTokenSource _timeout = new(TimeSpan.FromSeconds(30));

    public void Dispose()
    {
        _timeout.Dispose();
        _ns.Dispose();
    }

    [Fact]
    public async Task Changes_of_links_addresses_routes_and_rules_arrive()
    {
        const RouteGroups groups = RouteGroups.Links | RouteGroups.Addresses | RouteGroups.Routes | RouteGroups.Rules;
        using var subscription = _ns.Run(() => RouteSubscription.Open(groups));

        _ns.Exec("ip", "link", "add", "br7", "type", "bridge");
        _ns.Exec("ip", "addr", "add", "10.7.0.1/24", "dev", "br7");
        _ns.Exec("ip", "route", "add", "local", "10.7.1.1/32", "dev", "lo");
        _ns.Exec("ip", "rule", "add", "pref", "77", "table", "77");
        _ns.Exec("ip", "link", "del", "br7");

        await Expect<RouteNotification.LinkChange>(change => change is { Deleted: false, Link: { Name: "br7", Kind: "bridge" } });
        await Expect<RouteNotification.AddressChange>(change => !change.Deleted && change.Address.Address == InetAddress.Parse("10.7.0.1"));
        await Expect<RouteNotification.RouteChange>(change => !change.Deleted && change.Route.Destination == InetPrefix.Parse("10.7.1.1/32"));
        await Expect<RouteNotification.RuleChange>(change => change is { Deleted: false, Rule: { Priority: 77, Table: 77 } });
        await Expect<RouteNotification.AddressChange>(change => change.Deleted && change.Address.Address == InetAddress.Parse("10.7.0.1"));
        await Expect<RouteNotification.LinkChange>(change => change is { Deleted: true, Link.Name: "br7" });

        async Task Expect<T>(Func<T, bool> condition)
            where T : RouteNotification
        {
            await foreach (var notification in subscription.ReadAllAsync(_timeout.Token))
            {
                if (notification is T change && condition(change))
                {
                    return;
                }
            }
        }
    }

    [Fact]
    public async Task Lost_notifications_are_reported_as_an_overrun_and_later_ones_arrive()
    {
        using var subscription = _ns.Run(() => RouteSubscription.Open(RouteGroups.Routes, receiveBuffer: 4096));
        using var route = _ns.Run(RtNetlink.Open);
        Assert.Empty(route.AddRoutes(Enumerable.Range(0, 1_000).Select(number => RtNetlinkTests.LocalRoute(IPFamily.IPv4, number))));

        var overrun = false;
        var last = RtNetlinkTests.LocalRoute(IPFamily.IPv4, 5_000);
        await foreach (var notification in subscription.ReadAllAsync(_timeout.Token))
        {
            if (notification is RouteNotification.Overrun)
            {
                Assert.False(overrun);
                overrun = true;
                Assert.Empty(route.AddRoutes([last]));
            }
            else if (notification is RouteNotification.RouteChange change && change.Route.Destination == last.Destination)
            {
                break;
            }
        }

        Assert.True(overrun);
    }

    [Fact]
    public async Task Waiting_ends_with_cancellation()
    {
        using var subscription = _ns.Run(() => RouteSubscription.Open(RouteGroups.Links));
        using var cancel = new CancellationTokenSource();
        await using var reader = subscription.ReadAllAsync(cancel.Token).GetAsyncEnumerator();
        var next = reader.MoveNextAsync().AsTask();
        Assert.False(next.IsCompleted);

        await cancel.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => next);
    }
}
