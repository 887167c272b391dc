using System.Net;
using Xunit;
using static ProxyFramework.Nftables.Tests.Services;

namespace ProxyFramework.Iptables.Tests.Kernel;

public sealed class NodeTests
{
    [Theory]
    [InlineData("legacy")]
    [InlineData("nft")]
    public async Task The_flavour_is_that_of_the_kubelet_else_that_of_more_rules(string flavour)
    {
        await using var node = new Node();
        var other = flavour == "nft" ? "legacy" : "nft";
        node.Namespace.Exec($"iptables-{flavour}", "-A", "FORWARD", "-s", "192.0.2.1", "-j", "DROP");
        Assert.Equal(flavour, Detect(node));
        node.Namespace.Exec($"iptables-{other}", "-t", "mangle", "-N", "KUBE-IPTABLES-HINT");
        Assert.Equal(other, Detect(node));
    }

    [Theory]
    [InlineData("legacy")]
    [InlineData("nft")]
    public async Task A_forced_flavour_is_taken_and_the_rules_of_the_former_one_go(string flavour)
    {
        await using var node = new Node();
        var former = flavour == "nft" ? "legacy" : "nft";
        await node.RunAsync(former, Service("web", Group("10.0.0.1"), ClusterIP("10.96.0.1")));
        Assert.Contains("KUBE-SVC-", node.Save(former), StringComparison.Ordinal);
        await node.RunAsync(flavour, Service("web", Group("10.0.0.1"), ClusterIP("10.96.0.1")));
        Assert.Contains("KUBE-SVC-", node.Save(flavour), StringComparison.Ordinal);
        Assert.DoesNotContain("KUBE-", node.Save(former), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("legacy")]
    [InlineData("nft")]
    public async Task Cleanup_leaves_what_was_there(string flavour)
    {
        await using var node = new Node();
        node.Namespace.Exec($"iptables-{flavour}", "-N", "KUBE-FIREWALL");
        node.Namespace.Exec($"iptables-{flavour}", "-A", "INPUT", "-j", "KUBE-FIREWALL");
        node.Namespace.Exec($"iptables-{flavour}", "-t", "nat", "-A", "POSTROUTING", "-s", "192.0.2.0/24", "-j", "MASQUERADE");
        var before = node.Save(flavour);
        await node.RunAsync(flavour, Service("web", Group("10.0.0.1"), ClusterIP("10.96.0.1"), NodePort(30001, Masqueraded)));
        Assert.NotEqual(before, node.Save(flavour));
        node.Cleanup();
        Assert.Equal(before, node.Save(flavour));
    }

    [Fact]
    public async Task How_few_clients_affinity_remembers_is_reported()
    {
        await using var node = new Node();
        var limit = File.ReadAllText("/sys/module/xt_recent/parameters/ip_list_tot").Trim();
        var result = await node.RunAsync("nft", Service("web", Group("10.0.0.1"), ClusterIP("10.96.0.1")).With(affinity: 60));
        Assert.Equal(int.Parse(limit, System.Globalization.CultureInfo.InvariantCulture) < 10_000, result.Notices.Any(notice => notice.Message.Contains($"remembers {limit} clients", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("legacy")]
    [InlineData("nft")]
    public async Task A_client_hash_sends_a_client_to_one_endpoint_and_clients_to_all(string flavour)
    {
        await using var node = new Node();
        foreach (var address in new[] { "10.0.0.1", "10.0.0.2", "10.0.0.3" })
        {
            node.Serve(address);
        }

        Assert.Empty((await node.RunAsync(flavour, Service("web", Group("10.0.0.1", "10.0.0.2", "10.0.0.3"), ClusterIP("10.96.0.1")).With(scheduler: "sh"))).Notices);
        var seen = new HashSet<string>();
        for (var client = 1; client <= 30; client++)
        {
            var source = IPAddress.Parse($"10.0.2.{client}");
            node.Namespace.Exec("ip", "address", "add", $"{source}/32", "dev", "lo");
            var endpoints = Enumerable.Range(0, 4).Select(_ => node.EndpointOf("10.96.0.1", source)).ToHashSet();
            seen.Add(Assert.Single(endpoints));
        }

        Assert.Equal(3, seen.Count);
    }

    private static string Detect(Node node) => node.Namespace.Run(Backends.Iptables.Programs.Iptables.Detect);
}
