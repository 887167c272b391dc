using Xunit;
using static ProxyFramework.Nftables.Tests.Services;

namespace ProxyFramework.Nftables.Tests.Kernel;

/// <summary>A start finds what is there and changes the difference.</summary>
public sealed class AdoptionTests
{
    [Fact]
    public async Task A_restart_without_changes_adds_and_deletes_no_element()
    {
        await using var node = new Node();
        await node.StartAsync();
        node.ApplyAll(ListingTests.Many());
        var before = node.List();
        await node.StartAsync();
        using var monitor = new Monitor(node);
        node.ApplyAll(ListingTests.Many());
        Assert.DoesNotContain(monitor.Stop(), line => line.Contains("element", StringComparison.Ordinal));
        Assert.Equal(before, node.List());
    }

    [Fact]
    public async Task What_changed_while_the_proxy_was_down_costs_its_own_elements_alone()
    {
        await using var node = new Node();
        await node.StartAsync();
        node.ApplyAll(ListingTests.Many().Append(Service("web", Group("10.0.0.1", "10.0.0.2"), ClusterIP("10.97.0.1"))));
        await node.StartAsync();
        using var monitor = new Monitor(node);
        node.ApplyAll(ListingTests.Many().Append(Service("web", Group("10.0.0.1", "10.0.0.9"), ClusterIP("10.97.0.1"))));
        var elements = monitor.Stop().Where(line => line.Contains("element", StringComparison.Ordinal) && !line.Contains("flush", StringComparison.Ordinal)).ToList();
        Assert.NotEmpty(elements);
        Assert.All(elements, line => Assert.True(
            line.Contains("10.97.0.1 . tcp . 80 . 0:2", StringComparison.Ordinal) || line.Contains("10.0.0.9", StringComparison.Ordinal), line));
    }

    [Fact]
    public async Task A_first_load_that_was_cut_short_is_completed_and_was_not_in_force()
    {
        await using var node = new Node();
        await node.StartAsync();
        node.ApplyAll(ListingTests.Many());
        var complete = node.List();
        node.Cleanup();

        // As a crash leaves it: sets and elements, and no chain that packets enter.
        node.Namespace.ExecWithInput(
            """
            table ip svcproxy-v1 {
              comment "service proxy: programmed by svcproxy, changes by others are undone"
              set cluster-ips { type ipv4_addr; elements = { 10.96.0.0, 10.250.0.1 }; }
              map endpoints-cluster { type ipv4_addr . inet_proto . inet_service . classid : ipv4_addr . inet_service; elements = { 10.96.0.0 . tcp . 80 . 0:1 : 10.9.9.9 . 1 }; }
            }
            """, "nft", "-f", "-");
        await node.StartAsync();
        Assert.Empty(node.ApplyAll(ListingTests.Many()).Failures);
        Assert.Equal(complete, node.List());
    }

    [Fact]
    public async Task Another_version_of_the_layout_is_replaced_in_one_transaction()
    {
        await using var node = new Node();
        node.Namespace.ExecWithInput(
            """
            table ip svcproxy-v0 {
              chain old { type nat hook prerouting priority dstnat; ip daddr 10.96.0.1 tcp dport 80 dnat to 10.0.0.1:8080; }
            }
            """, "nft", "-f", "-");
        await node.StartAsync();
        using var monitor = new Monitor(node);
        node.ApplyAll(Service("web", Group("10.0.0.1"), ClusterIP("10.96.0.1")));
        var lines = monitor.Stop().ToList();
        var generations = lines.Select((line, index) => (line, index)).Where(pair => pair.line.Contains("new generation", StringComparison.Ordinal)).ToList();
        var deleted = lines.FindIndex(line => line.Contains("delete table ip svcproxy-v0", StringComparison.Ordinal));
        var hooked = lines.FindIndex(line => line.Contains("add chain ip svcproxy-v1 prerouting", StringComparison.Ordinal));
        Assert.True(deleted >= 0 && hooked >= 0, string.Join('\n', lines));
        Assert.DoesNotContain(generations, generation => generation.index > Math.Min(deleted, hooked) && generation.index < Math.Max(deleted, hooked));
        Assert.DoesNotContain("svcproxy-v0", node.List(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_table_that_cannot_be_read_is_made_anew()
    {
        await using var node = new Node();
        node.Namespace.ExecWithInput("table ip svcproxy-v1 { set cluster-ips { type inet_service; elements = { 80 }; }; }\n", "nft", "-f", "-");
        await node.StartAsync();
        Assert.Empty(node.ApplyAll(ListingTests.Many()).Failures);
        Assert.Contains("10.96.0.1", node.List(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Clients_with_affinity_are_remembered_through_a_restart()
    {
        await using var node = new Node();
        await node.StartAsync();
        var service = Service("web", Group("10.0.0.1", "10.0.0.2"), ClusterIP("10.97.0.1")).With(affinity: 600);
        node.ApplyAll(service);
        node.Namespace.Exec("nft", "add", "element", "ip", "svcproxy-v1", "affinity", "{ 192.0.2.9 . 10.97.0.1 . tcp . 80 timeout 600s : 1:2 }");
        await node.StartAsync();
        node.ApplyAll(service);
        Assert.Contains("192.0.2.9 . 10.97.0.1 . tcp . 80", node.List(), StringComparison.Ordinal);
    }
}
