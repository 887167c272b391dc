using System.Text.RegularExpressions;
using ProxyFramework.Testing;
using Xunit;
using static ProxyFramework.Nftables.Tests.Services;

namespace ProxyFramework.Nftables.Tests.Kernel;

/// <summary>What administrators see with Debian's <c>nft</c>.</summary>
public sealed partial class ListingTests
{
    [Theory]
    [InlineData(LocalPodDetectionMode.None)]
    [InlineData(LocalPodDetectionMode.ClusterCidr)]
    [InlineData(LocalPodDetectionMode.BridgeInterface)]
    [InlineData(LocalPodDetectionMode.InterfaceNamePrefix)]
    public async Task Every_kind_of_rule_and_element_is_listed_and_the_listing_can_be_loaded_again(LocalPodDetectionMode mode)
    {
        await using var node = new Node();
        node.State = node.State with
        {
            LocalPods = new() { Mode = mode, InterfaceName = "cbr0", Ranges = [InetPrefix.Parse("10.0.0.0/8"), InetPrefix.Parse("fd00::/8")] },
        };
        await node.StartAsync();
        var services = Many().ToList();
        Assert.Empty(node.ApplyAll([.. services, .. services.Select(service => service.InIPv6())]).Failures);
        Assert.Contains("update @affinity { ip6 saddr . ip6 daddr . meta l4proto . th dport", node.Namespace.Exec("nft", "list", "ruleset"), StringComparison.Ordinal);

        // nft 1.0.6 aborts when it has to write a rule that updates a map whose key is longer than 16 bytes, whoever asks for it.
        node.ApplyAll([.. services, .. services.Select(service => service.InIPv6().With(affinity: 0))]);
        var listing = node.Namespace.Exec("nft", "list", "ruleset");
        using var other = NetworkNamespace.Create();
        other.ExecWithInput(listing, "nft", "-f", "-");
        Assert.Equal(listing.Length, other.Exec("nft", "list", "ruleset").Length);
    }

    [Fact]
    public async Task A_service_is_found_by_its_name()
    {
        await using var node = new Node();
        await node.StartAsync();
        node.ApplyAll(Service("web", Group("10.0.0.1"), ClusterIP("10.96.0.1")), Service("none", EndpointGroup.Reject, ClusterIP("10.96.0.2")));
        var listing = node.Namespace.Exec("nft", "list", "ruleset");
        Assert.Contains("10.96.0.1 . tcp . 80 comment \"ns/web:http\"", listing, StringComparison.Ordinal);
        Assert.Contains("10.96.0.2 . tcp . 80 comment \"ns/none:http\"", listing, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_number_of_chains_rules_and_sets_does_not_depend_on_the_number_of_services()
    {
        await using var node = new Node();
        await node.StartAsync();
        node.ApplyAll(Many(120));
        var few = Skeleton(node);
        node.ApplyAll(Many(600));
        Assert.Equal(few, Skeleton(node));
    }

    [Fact]
    public async Task Cleanup_leaves_other_tables_alone_and_none_of_ours()
    {
        await using var node = new Node();
        node.Namespace.ExecWithInput("table ip foreign { set s { type ipv4_addr; elements = { 10.0.0.1 }; }; }\ntable inet svcproxy-other { }\n", "nft", "-f", "-");
        var before = node.List();
        await node.StartAsync();
        node.ApplyAll(Many());
        await node.StopAsync();
        node.Namespace.Exec("nft", "add", "table", "ip6", "svcproxy-v0");
        node.Cleanup();
        Assert.Equal(before, node.List());
        node.Cleanup();
        Assert.Equal(before, node.List());
    }

    /// <summary>Service ports of every kind: each class of slots, policies, verdicts, ranges.</summary>
    internal static IEnumerable<ServicePort> Many(int count = 60)
    {
        string?[] schedulers = [null, "wrr", "sh", "mh"];
        for (var i = 0; i < count; i++)
        {
            var restricted = ClusterIP($"10.98.{i / 250}.{i % 250}") with { Kind = FrontendKind.LoadBalancerIP, SourceRanges = [InetPrefix.Parse("10.0.0.0/8")] };
            var group = EndpointGroup.Forward([.. Enumerable.Range(1, 1 + (i % 5)).Select(n => new Endpoint(InetAddress.FromIPv4(0x0A000000u + (uint)n), 8080, IsLocal: true))]);
            yield return Service($"s{i}", group, ClusterIP($"10.96.{i / 250}.{i % 250}"), restricted, NodePort((ushort)(30000 + i), ToLocal))
                .With(local: (i % 3) switch { 0 => EndpointGroup.Drop, 1 => EndpointGroup.Reject, _ => group }, affinity: i % 2 * 30, scheduler: schedulers[i / 2 % 4]);
        }
    }

    /// <summary>Chains, rules and the headers of sets, without elements.</summary>
    private static string Skeleton(Node node) => Elements().Replace(node.Namespace.Exec("nft", "-s", "list", "ruleset"), "");

    [GeneratedRegex(@"\s+elements = \{[^}]*\}")]
    private static partial Regex Elements();
}
