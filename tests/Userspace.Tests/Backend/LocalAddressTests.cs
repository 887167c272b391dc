using System.Diagnostics;
using System.Globalization;
using ProxyFramework.Backends.Userspace;
using Xunit;

namespace ProxyFramework.Userspace.Tests.Backend;

/// <summary>Service addresses become local to the node, and are taken away again.</summary>
public sealed class LocalAddressTests : NamespaceTest
{
    [Theory]
    [InlineData("10.96.0.1")]
    [InlineData("fd00::1")]
    public void A_service_address_is_local_while_a_frontend_has_it_and_no_longer(string text)
    {
        var address = InetAddress.Parse(text);
        using var test = Start();
        var first = Services.Make((address, (ushort)80), [Server.EndPoint], "first");
        var second = Services.Make((address, (ushort)81), [Server.EndPoint], "second");
        Apply(test, first, second);
        Assert.Equal("a", Ask(Node, (address, 80)));
        Assert.Equal("a", Ask(Node, (address, 81)));
        Assert.Equal([text], Routes(address.Family));
        Remove(test, first);
        Assert.Equal("a", Ask(Node, (address, 81)));
        Assert.Equal("ConnectionRefused", Ask(Node, (address, 80)));
        Remove(test, second);
        Assert.Empty(Routes(address.Family));
    }

    [Fact]
    public void An_address_without_endpoints_is_local_so_that_the_kernel_refuses()
    {
        using var test = Start();
        Apply(test, Services.Make((InetAddress.Parse("10.96.0.1"), (ushort)80), []));
        Assert.Equal("ConnectionRefused", Ask(Outside, (InetAddress.Parse("10.96.0.1"), 80)));
    }

    [Fact]
    public void Routes_stay_at_the_end_are_adopted_by_the_next_run_and_go_with_the_last_frontend()
    {
        var (kept, gone) = (InetAddress.Parse("10.96.0.1"), InetAddress.Parse("10.96.0.2"));
        var first = Services.Make((kept, (ushort)80), [Server.EndPoint], "kept");
        using (var test = Start())
        {
            Apply(test, first, Services.Make((gone, (ushort)80), [Server.EndPoint], "gone"));
        }

        Assert.Equal(["10.96.0.1", "10.96.0.2"], Routes(IPFamily.IPv4));
        Node.Exec("ip", "route", "add", "local", "10.96.0.99", "dev", "lo", "table", "local", "proto", "static");
        using var next = Start();
        ApplyFull(next, first);
        Assert.Equal(["10.96.0.1"], Routes(IPFamily.IPv4));
        Assert.Equal("a", Ask(Node, (kept, 80)));

        // Someone else's route is left alone.
        Assert.Contains("10.96.0.99", Node.Exec("ip", "route", "show", "table", "local"), StringComparison.Ordinal);
    }

    [Fact]
    public void A_full_change_set_brings_back_routes_that_somebody_took_away()
    {
        var address = InetAddress.Parse("10.96.0.1");
        var service = Services.Make((address, (ushort)80), [Server.EndPoint]);
        using var test = Start();
        Apply(test, service);
        Node.Exec("ip", "route", "flush", "table", "local", "proto", LocalRoutes.RouteProtocol.ToString(CultureInfo.InvariantCulture));
        ApplyFull(test, service);
        Assert.Equal("a", Ask(Node, (address, 80)));
    }

    [Fact]
    public void Cleanup_takes_all_routes_away_and_nothing_else()
    {
        using (var test = Start())
        {
            Apply(
                test,
                Services.Make((InetAddress.Parse("10.96.0.1"), (ushort)80), [Server.EndPoint], "four"),
                Services.Make((InetAddress.Parse("fd00::1"), (ushort)80), [Server.EndPoint], "six"));
        }

        var before = Node.Exec("ip", "route", "show", "table", "local", "proto", "kernel");
        Node.Run(() =>
        {
            var backend = new UserspaceBackend();
            using var context = Start();
            backend.CleanupAsync(context.Test.Context(), CancellationToken.None).AsTask().GetAwaiter().GetResult();
        });
        Assert.Empty(Routes(IPFamily.IPv4));
        Assert.Empty(Routes(IPFamily.IPv6));
        Assert.Equal(before, Node.Exec("ip", "route", "show", "table", "local", "proto", "kernel"));
    }

    [Fact]
    public void An_address_on_an_interface_needs_no_route_until_it_leaves_the_interface()
    {
        _ = Outside;
        var address = InetAddress.Parse("192.0.2.1");
        using var test = Start();
        test.Test.Node = new NodeState { InterfaceAddresses = [address] };
        var service = Services.Make((address, (ushort)80), [Server.EndPoint]);
        Apply(test, service);
        Assert.Empty(Routes(IPFamily.IPv4));
        Node.Exec("ip", "addr", "del", "192.0.2.1/24", "dev", "eth0");
        test.Test.Node = NodeState.Unknown;
        Apply(test);
        Assert.Equal(["192.0.2.1"], Routes(IPFamily.IPv4));
        Assert.Equal("a", Ask(Node, (address, 80)));
    }

    [Fact]
    public void Ten_thousand_addresses_are_made_local_within_seconds()
    {
        using var test = Start();
        var services = Enumerable.Range(0, 10_000)
            .Select(number => Services.Make((InetAddress.FromIPv4(0x0A60_0000u + (uint)number), (ushort)80), [Server.EndPoint], $"s{number}"))
            .ToArray();
        var watch = Stopwatch.StartNew();
        ApplyFull(test, services);
        TestContext.Current.SendDiagnosticMessage($"10,000 services with routes: {watch.ElapsedMilliseconds} ms");
        Assert.InRange(watch.Elapsed.TotalSeconds, 0, 10);
        Assert.Equal("a", Ask(Node, (services[^1].Frontends[0].Address, 80)));
        watch.Restart();
        ApplyFull(test);
        TestContext.Current.SendDiagnosticMessage($"and away: {watch.ElapsedMilliseconds} ms");
        Assert.Empty(Routes(IPFamily.IPv4));
    }

    [Fact]
    public void Without_the_privilege_an_address_fails_by_its_name_also_where_sockets_may_be_bound_to_any()
    {
        Node.Exec("sysctl", "-qw", "net.ipv4.ip_nonlocal_bind=1");
        var result = Node.Run(() => Capabilities.WithoutAny(() =>
        {
            using var test = new NodeBackend(BackendUnderTest.StartWithRoutes(), Node);
            return test.Test.TryApplyAsync(Services.Make((InetAddress.Parse("10.96.0.1"), (ushort)8080), [Server.EndPoint])).GetAwaiter().GetResult();
        }));
        Assert.Contains(
            "ClusterIP 10.96.0.1:8080/TCP: the address 10.96.0.1 cannot be made local: that needs CAP_NET_ADMIN",
            Assert.Single(result.Failures).Reason,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Without_the_privilege_an_address_of_the_machine_is_served_before_the_node_is_known_to_have_it()
    {
        _ = Outside;
        using var test = Node.Run(() => Capabilities.WithoutAny(() =>
        {
            var started = new NodeBackend(BackendUnderTest.StartWithRoutes(), Node);
            started.Test.ApplyAsync(Services.Make((InetAddress.Parse("192.0.2.1"), (ushort)8080), [Server.EndPoint])).GetAwaiter().GetResult();
            return started;
        }));
        Assert.Equal("a", Ask(Outside, (InetAddress.Parse("192.0.2.1"), 8080)));
    }
}
