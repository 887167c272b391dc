using System.Globalization;
using ProxyFramework.Netlink.Route;
using ProxyFramework.Testing;
using Xunit;

namespace ProxyFramework.Netlink.Tests.Route;

public sealed class RtNetlinkTests : IDisposable
{
    private readonly NetworkNamespace _ns = NetworkNamespace.Create();
    private readonly RtNetlink _route;

    public RtNetlinkTests() => _route = _ns.Run(RtNetlink.Open);

    public void Dispose()
    {
        _route.Dispose();
        _ns.Dispose();
    }

    [Fact]
    public void Links_are_listed_and_found_by_name_and_made_and_removed()
    {
        _route.AddLink("br7", "bridge");
        var link = _route.FindLink("br7");

        Assert.NotNull(link);
        Assert.Equal("bridge", link.Kind);
        Assert.True(link.IsUp);
        Assert.Equal(["lo", "br7"], _route.GetLinks().Select(found => found.Name));
        Assert.Contains("br7", _ns.Exec("ip", "-o", "link"), StringComparison.Ordinal);

        _route.SetLinkUp(link.Index, up: false);
        Assert.False(_route.FindLink("br7")!.IsUp);
        _route.DeleteLink(link.Index);
        Assert.Null(_route.FindLink("br7"));
    }

    [Fact]
    public void An_error_carries_the_errno_the_kernels_text_and_the_requests_name()
    {
        _route.AddLink("br7", "bridge");

        var taken = Assert.Throws<NetlinkException>(() => _route.AddLink("br7", "bridge"));
        var unknown = Assert.Throws<NetlinkException>(() => _route.AddLink("x0", "no-such-kind"));

        Assert.Equal(Errno.EEXIST, taken.ErrorNumber);
        Assert.Equal("RTM_NEWLINK", taken.Error!.Request);
        Assert.Equal(Errno.EOPNOTSUPP, unknown.ErrorNumber);
        Assert.Equal("Unknown device type", unknown.Error!.KernelText);
        Assert.Contains("Unknown device type", unknown.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("10.1.2.3", 24)]
    [InlineData("fd00::7", 64)]
    public void Addresses_are_added_listed_and_deleted(string text, byte length)
    {
        var address = InetAddress.Parse(text);
        _route.AddLink("br7", "bridge");
        var link = _route.FindLink("br7")!.Index;
        var wanted = new InterfaceAddress(link, address, length) { Flags = AddressFlags.NoDuplicateDetection | AddressFlags.NoPrefixRoute };

        Assert.Empty(_route.AddAddresses([wanted]));

        Assert.Contains($"{text}/{length}", _ns.Exec("ip", "-o", "addr", "show", "dev", "br7"), StringComparison.Ordinal);
        var found = Assert.Single(_route.GetAddresses(link), candidate => candidate.Address == address);
        Assert.Equal(length, found.PrefixLength);
        Assert.True(found.Flags.HasFlag(AddressFlags.NoPrefixRoute));
        Assert.DoesNotContain(_route.GetAddresses(link), other => other.Interface != link);
        Assert.Empty(_route.DeleteAddresses([wanted]));
        Assert.DoesNotContain(_route.GetAddresses(), candidate => candidate.Address == address);
        Assert.Equal(Errno.EADDRNOTAVAIL, Assert.Single(_route.DeleteAddresses([wanted])).Errno);
    }

    [Theory]
    [InlineData(IPFamily.IPv4)]
    [InlineData(IPFamily.IPv6)]
    public void Ten_thousand_local_routes_are_added_dumped_and_deleted_and_only_the_refused_ones_are_named(IPFamily family)
    {
        var routes = Enumerable.Range(0, 10_000).Select(number => LocalRoute(family, number)).ToArray();
        Assert.Empty(_route.AddRoutes([routes[17], routes[9_000]]));

        var errors = _route.AddRoutes(routes);

        Assert.Equal([17, 9_000], errors.Select(error => error.MessageIndex));
        Assert.All(errors, error => Assert.Equal(Errno.EEXIST, error.Errno));
        Assert.Empty(_route.ReplaceRoutes([routes[17]]));
        var filter = new RouteFilter(family) { Table = IpRoute.LocalTable, Protocol = 77, Type = RouteType.Local };
        var found = _route.GetRoutes(filter);
        Assert.Equal(routes.Select(route => route.Destination).ToHashSet(), found.Select(route => route.Destination).ToHashSet());
        Assert.All(found, route => Assert.Equal((byte)77, route.Protocol));
        Assert.Contains("proto 77", _ns.Exec("ip", family == IPFamily.IPv4 ? "-4" : "-6", "route", "show", "table", "local"), StringComparison.Ordinal);
        Assert.Empty(_route.GetRoutes(filter with { Protocol = 78 }));
        Assert.Empty(_route.DeleteRoutes(found));
        Assert.Empty(_route.GetRoutes(filter));
        Assert.Equal(Errno.ESRCH, Assert.Single(_route.DeleteRoutes([routes[0]])).Errno);
    }

    [Fact]
    public void Five_thousand_refusals_in_one_call_are_all_reported()
    {
        var routes = Enumerable.Range(0, 5_000).Select(number => LocalRoute(IPFamily.IPv4, number)).ToArray();
        Assert.Empty(_route.AddRoutes(routes));

        var errors = _route.AddRoutes(routes);

        Assert.Equal(Enumerable.Range(0, 5_000), errors.Select(error => error.MessageIndex));
    }

    [Fact]
    public void A_table_without_routes_is_empty() =>
        Assert.Empty(_route.GetRoutes(new RouteFilter(IPFamily.IPv4) { Table = 4711 }));

    [Fact]
    public void A_lookup_tells_the_route_a_packet_would_take()
    {
        _ns.Exec("ip", "link", "add", "v0", "type", "veth", "peer", "name", "v1");
        _ns.Exec("ip", "addr", "add", "10.9.0.1/24", "dev", "v0");
        _ns.Exec("ip", "link", "set", "v0", "up");
        _ns.Exec("ip", "route", "add", "192.0.2.0/24", "via", "10.9.0.9");

        var route = _route.Lookup(InetAddress.Parse("192.0.2.5"), InetAddress.Parse("10.9.0.1"));

        Assert.NotNull(route);
        Assert.Equal(InetAddress.Parse("10.9.0.9"), route.Gateway);
        Assert.Equal(_route.FindLink("v0")!.Index, route.Interface);
        Assert.Equal(InetAddress.Parse("10.9.0.1"), _route.Lookup(InetAddress.Parse("192.0.2.5"))!.PreferredSource);
        Assert.Equal(RouteType.Local, _route.Lookup(InetAddress.Parse("10.9.0.1"))!.Type);
        Assert.Null(_route.Lookup(InetAddress.Parse("203.0.113.1")));
    }

    [Theory]
    [InlineData(IPFamily.IPv4, "10.0.0.0/8")]
    [InlineData(IPFamily.IPv6, "fd00::/64")]
    public void Rules_are_added_listed_and_deleted(IPFamily family, string source)
    {
        var rule = new RoutingRule(family, 4_000)
        {
            Table = 1_234,
            Source = InetPrefix.Parse(source),
            Mark = 0x4000,
            MarkMask = 0x4000,
            IncomingInterface = "lo",
            Protocol = 77,
        };

        Assert.Empty(_route.AddRules([rule]));

        Assert.Contains(
            $"4000:\tfrom {source} fwmark 0x4000/0x4000 iif lo lookup 1234",
            _ns.Exec("ip", family == IPFamily.IPv4 ? "-4" : "-6", "rule"),
            StringComparison.Ordinal);
        Assert.Equal(rule, Assert.Single(_route.GetRules(family), found => found.Priority == 4_000));
        Assert.Equal(Errno.EEXIST, Assert.Single(_route.AddRules([rule])).Errno);
        Assert.Empty(_route.DeleteRules([rule]));
        Assert.DoesNotContain(_route.GetRules(family), found => found.Priority == 4_000);
    }

    internal static IpRoute LocalRoute(IPFamily family, int number) =>
        new(InetPrefix.Single(family == IPFamily.IPv4
            ? InetAddress.FromIPv4(0x0A60_0000u + (uint)number)
            : InetAddress.Parse(string.Create(CultureInfo.InvariantCulture, $"fd00:96::{number:x}"))))
        {
            Table = IpRoute.LocalTable,
            Type = RouteType.Local,
            Scope = family == IPFamily.IPv4 ? RouteScope.Host : RouteScope.Universe,
            Interface = 1,
            Protocol = 77,
        };
}
