using ProxyFramework.Backends.Iptables;
using ProxyFramework.Backends.Iptables.Programs;
using ProxyFramework.KernelBackends;
using ProxyFramework.Nftables.Tests;
using ProxyFramework.Testing;
using Xunit;
using static ProxyFramework.Nftables.Tests.Services;

namespace ProxyFramework.Iptables.Tests.Kernel;

/// <summary>Rules are compared as text, so each is written as iptables-save prints it.</summary>
public sealed class TextTests
{
    [Theory]
    [InlineData("legacy")]
    [InlineData("nft")]
    public void What_was_written_is_found_again_and_a_start_without_changes_writes_nothing(string flavour)
    {
        using var node = NetworkNamespace.Create();
        foreach (var family in Enum.GetValues<IPFamily>())
        {
            var services = Many().Select(service => family == IPFamily.IPv4 ? service : service.InIPv6()).ToList();
            using var stamp = Stamp(node, flavour);
            var first = Start(family, flavour, stamp);
            var report = new ChangeReport(static _ => { });
            node.Run(() => first.Adopt(services, NodeState.Unknown, report, default));
            Assert.Empty(report.ToSyncResult().Failures);
            Assert.Equal(1, first.Restores);

            var second = Start(family, flavour, stamp);
            node.Run(() => second.Adopt(services, NodeState.Unknown, report, default));
            Assert.Equal(0, second.Restores);
            Assert.Null(node.Run(second.FindDrift));
        }
    }

    [Theory]
    [InlineData("legacy", "-t nat -F KUBE-HAIRPIN")]
    [InlineData("legacy", "-t nat -F")]
    [InlineData("legacy", "-F")]
    [InlineData("nft", "-t nat -F KUBE-POSTROUTING")]
    [InlineData("nft", "-t nat -F")]
    [InlineData("nft", "-F")]
    public void What_others_remove_is_noticed_and_what_they_add_elsewhere_is_not(string flavour, string flush)
    {
        using var node = NetworkNamespace.Create();
        using var stamp = Stamp(node, flavour);
        var family = Start(IPFamily.IPv4, flavour, stamp);
        var local = EndpointGroup.Forward([new Endpoint(InetAddress.Parse("10.0.0.1"), 8080, IsLocal: true)]);
        node.Run(() => family.Adopt([Service("a", local, ClusterIP("10.96.0.1"))], NodeState.Unknown, new ChangeReport(static _ => { }), default));
        Assert.Null(node.Run(family.FindDrift));
        node.Exec($"iptables-{flavour}", "-A", "FORWARD", "-s", "192.0.2.1", "-j", "DROP");
        Assert.Null(node.Run(family.FindDrift));
        node.Exec($"iptables-{flavour}", flush.Split(' '));
        Assert.NotNull(node.Run(family.FindDrift));
    }

    [Theory]
    [InlineData("legacy")]
    [InlineData("nft")]
    public void What_others_remove_is_noticed_where_a_change_of_ours_follows_at_once(string flavour)
    {
        using var node = NetworkNamespace.Create();
        using var stamp = Stamp(node, flavour);
        var family = Start(IPFamily.IPv4, flavour, stamp);
        var report = new ChangeReport(static _ => { });
        node.Run(() => family.Adopt([Service("a", Group("10.0.0.1"), ClusterIP("10.96.0.1"))], NodeState.Unknown, report, default));
        node.Exec($"iptables-{flavour}", "-t", "nat", "-F", "PREROUTING");
        node.Run(() => family.Apply([new ServicePortChange(null, Service("b", Group("10.0.0.2"), ClusterIP("10.96.0.2")))], report, default));
        Assert.NotNull(node.Run(family.FindDrift));
    }

    [Theory]
    [InlineData("legacy")]
    [InlineData("nft")]
    public void After_changes_of_ours_alone_the_rules_need_not_be_read(string flavour)
    {
        using var node = NetworkNamespace.Create();
        using var stamp = Stamp(node, flavour);
        var families = Enum.GetValues<IPFamily>().Select(family => Start(family, flavour, stamp)).ToArray();
        var (report, local) = (new ChangeReport(static _ => { }), EndpointGroup.Forward([new Endpoint(InetAddress.Parse("10.0.0.1"), 8080, IsLocal: true)]));
        var (a, b) = (Service("a", local, ClusterIP("10.96.0.1")), Service("b", Group("10.0.0.2", "10.0.0.3"), ClusterIP("10.96.0.2"), NodePort(30001, Masqueraded)));
        ServicePort Of(FamilyRules family, ServicePort service) => family.Family == IPFamily.IPv4 ? service : service.InIPv6();
        foreach (var family in families)
        {
            node.Run(() => family.Adopt([Of(family, a)], NodeState.Unknown, report, default));
            Assert.Null(node.Run(family.FindDrift));
        }

        ServicePortChange[] steps = [new(null, b), new(b, Service("b", EndpointGroup.Reject, ClusterIP("10.96.0.2"))), new(b, null), new(a, null)];
        foreach (var step in steps)
        {
            foreach (var family in families)
            {
                var change = new ServicePortChange(step.Before is null ? null : Of(family, step.Before), step.After is null ? null : Of(family, step.After));
                node.Run(() => family.Apply([change], report, default));
            }

            Assert.All(families, family => Assert.True(stamp.IsKnown(family.Family, node.Run(() => stamp.Read(family.Family))), $"{family.Family} after {step.After?.ToString() ?? "a removal"}"));
        }
    }

    private static TableStamp Stamp(NetworkNamespace node, string flavour) => node.Run(() => new TableStamp(flavour));

    private static FamilyRules Start(IPFamily family, string flavour, TableStamp stamp) => new(
        family, new Backends.Iptables.Programs.Iptables(family, flavour, waitSeconds: 60), new IptablesSettings(), new SlotTables("iptables", new Schedulers(), null), stamp);

    /// <summary>Enough for trees of every form, and every way to choose.</summary>
    private static IEnumerable<ServicePort> Many()
    {
        for (var i = 0; i < 300; i++)
        {
            yield return Service($"s{i}", Group("10.0.0.1", "10.0.7.2"), ClusterIP($"10.{96 + (i % 7)}.{i % 3}.{i / 2}"), NodePort((ushort)(30000 + i), Masqueraded));
        }

        var weighted = EndpointGroup.Forward([.. Enumerable.Range(1, 3).Select(i => new Endpoint(InetAddress.Parse($"10.0.9.{i}"), 8080, Weight: (ushort)(i * 11)))]);
        yield return Service("turns", Group("10.0.0.1", "10.0.0.2", "10.0.0.3"), ClusterIP("10.96.1.1")).With(scheduler: "wrr");
        yield return Service("hash", Group("10.0.0.1", "10.0.0.2", "10.0.0.3"), ClusterIP("10.96.1.2")).With(scheduler: "sh");
        yield return Service("large-hash", weighted, ClusterIP("10.96.1.3")).With(scheduler: "sh");
        yield return Service("affinity", Group("10.0.0.1", "10.0.0.2"), ClusterIP("10.96.1.4")).With(affinity: 600);
        yield return Service("none", EndpointGroup.Reject, ClusterIP("10.96.1.5"), NodePort(31000, ToLocal));
        yield return Service("ranges", Group("10.0.0.1"), ClusterIP("10.96.1.6") with { SourceRanges = [InetPrefix.Parse("10.1.0.0/16")] });
        yield return Service("local", Group("10.0.0.1"), ClusterIP("10.96.1.7"), NodePort(31001, ToLocal)).With(local: EndpointGroup.Drop);
    }
}
