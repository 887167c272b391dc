using ProxyFramework.Backends.Iptables;
using ProxyFramework.Backends.Iptables.Programs;
using ProxyFramework.KernelBackends;
using ProxyFramework.Nftables.Tests;
using ProxyFramework.Testing;
using Xunit;
using static ProxyFramework.Nftables.Tests.Services;

namespace ProxyFramework.Iptables.Tests;

public sealed class RefusalTests
{
    [Theory]
    [InlineData("legacy")]
    [InlineData("nft")]
    public void A_service_port_that_iptables_refuses_is_named_and_the_others_are_in_force(string flavour)
    {
        using var node = NetworkNamespace.Create();
        var refused = Service("b\" --no-such-option \"", Group("10.0.0.2"), ClusterIP("10.96.0.2"));
        var report = new ChangeReport(static _ => { });
        var programs = new Backends.Iptables.Programs.Iptables(IPFamily.IPv4, flavour, waitSeconds: 60);
        using var stamp = node.Run(() => new TableStamp(flavour));
        var family = new FamilyRules(IPFamily.IPv4, programs, new IptablesSettings(), new SlotTables("iptables", new Schedulers(), null), stamp);
        node.Run(() =>
        {
            family.Adopt([Service("a", Group("10.0.0.1"), ClusterIP("10.96.0.1")), refused, Service("c", Group("10.0.0.3"), ClusterIP("10.96.0.3"))], NodeState.Unknown, report, default);
            var saved = programs.Save();
            Assert.Contains("10.0.0.1:8080", saved, StringComparison.Ordinal);
            Assert.Contains("10.0.0.3:8080", saved, StringComparison.Ordinal);
            Assert.DoesNotContain("10.0.0.2:8080", saved, StringComparison.Ordinal);

            // What is there is what was written, so adopting it again writes nothing of it.
            var restores = family.Restores;
            family.Adopt(family.InForce.Values.ToList(), NodeState.Unknown, report, default);
            Assert.Equal(restores, family.Restores);
            return 0;
        });
        Assert.Equal(refused.Key, Assert.Single(report.ToSyncResult().Failures).Key);
    }
}
