using Xunit;
using static ProxyFramework.Nftables.Tests.Services;

namespace ProxyFramework.Nftables.Tests.Kernel;

/// <summary>What others do to our tables is noticed, named and undone.</summary>
public sealed class DriftTests
{
    [Theory]
    [InlineData("flush ruleset", "deleted", "table ip")]
    [InlineData("delete element ip svcproxy-v1 cluster-ips { 10.97.0.1 }", "deleted", "element cluster-ips")]
    [InlineData("flush chain ip svcproxy-v1 prerouting", "deleted", "rule prerouting")]
    [InlineData("insert rule ip svcproxy-v1 prerouting drop", "added or changed", "rule prerouting")]
    [InlineData("add element ip svcproxy-v1 external-ips { 10.1.1.1 }", "added or changed", "element external-ips")]
    [InlineData("add chain ip svcproxy-v1 mine", "added or changed", "chain mine")]
    [InlineData("delete table ip6 svcproxy-v1", "deleted", "table ip")]
    public async Task A_foreign_change_is_reported_with_its_process_and_undone(string command, string what, string where)
    {
        await using var node = new Node();
        await node.StartAsync();
        ServicePort[] services = [.. ListingTests.Many(), Service("web", Group("10.0.0.1"), ClusterIP("10.97.0.1"))];
        node.ApplyAll(services);
        var before = node.List();

        node.Namespace.Exec("nft", command.Split(' '));
        Wait(() => node.Drift.Count > 0);
        Assert.Contains(node.Drift, drift => drift.Contains(what, StringComparison.Ordinal) && drift.Contains(where, StringComparison.Ordinal)
            && drift.Contains("(nft)", StringComparison.Ordinal));

        Assert.Empty(node.ApplyAll(services).Failures);
        Assert.Equal(before, node.List());
    }

    [Fact]
    public async Task Our_own_changes_and_those_of_other_tables_are_no_drift()
    {
        await using var node = new Node();
        await node.StartAsync();
        node.ApplyAll(ListingTests.Many());
        node.Apply(Service("web", Group("10.0.0.1"), ClusterIP("10.97.0.1")));
        node.Namespace.Exec("nft", "add", "table", "ip", "foreign");
        node.Namespace.Exec("nft", "add", "table", "ip", "svcproxy-v1x");

        // Notifications come in order, so that ours would have been here before this one.
        node.Namespace.Exec("nft", "add", "element", "ip", "svcproxy-v1", "external-ips", "{ 10.1.1.1 }");
        Wait(() => node.Drift.Count > 0);
        Assert.Contains("external-ips", Assert.Single(node.Drift), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("flush ruleset")]
    [InlineData("delete element ip svcproxy-v1 endpoints-cluster { 10.97.0.1 . tcp . 80 . 0:1 }")]
    [InlineData("add element ip svcproxy-v1 endpoints-cluster { 10.97.0.2 . tcp . 80 . 0:1 : 10.9.9.9 . 1 }")]
    public async Task A_change_that_meets_foreign_changes_comes_into_force_all_the_same(string command)
    {
        await using var node = new Node();
        await node.StartAsync();
        node.ApplyAll(ListingTests.Many().Append(Service("web", Group("10.0.0.1"), ClusterIP("10.97.0.1"))));
        node.Namespace.Exec("nft", command.Split(' '));
        Assert.Empty(node.Apply(Service("web", Group("10.0.0.2"), ClusterIP("10.97.0.1")), Service("new", Group("10.0.0.3"), ClusterIP("10.97.0.2"))).Failures);
        Assert.Contains("10.97.0.1 . tcp . 80 . 0:1 : 10.0.0.2 . 8080", node.List(), StringComparison.Ordinal);
        Assert.Contains("10.97.0.2 . tcp . 80 . 0:1 : 10.0.0.3 . 8080", node.List(), StringComparison.Ordinal);
    }

    private static void Wait(Func<bool> condition) =>
        Assert.True(SpinWait.SpinUntil(condition, TimeSpan.FromSeconds(20)), "what was waited for did not happen");
}
