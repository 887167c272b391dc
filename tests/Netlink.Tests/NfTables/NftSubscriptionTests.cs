using ProxyFramework.Netlink.NfTables;
using ProxyFramework.Testing;
using Xunit;

namespace ProxyFramework.Netlink.Tests.NfTables;

public sealed class NftSubscriptionTests : IDisposable
{
    private readonly NetworkNamespace _ns = NetworkNamespace.Create();
    private readonly CancellationTokenSource _timeout = new(TimeSpan.FromSeconds(30));

    public void Dispose()
    {
        _timeout.Dispose();
        _ns.Dispose();
    }

    [Fact]
    public async Task Changes_by_others_arrive_with_the_process_that_made_them_and_own_ones_do_not()
    {
        using var nft = _ns.Run(NftNetlink.Open);
        using var subscription = _ns.Run(() => NftSubscription.Open(nft.PortId));
        using var batch = new NftBatch();
        ServicesRuleset.Write(batch);
        nft.Commit(batch);

        _ns.Exec("nft", "delete element ip proxy endpoints { 10.96.0.10 . tcp . 53 . 0x0 }");

        var changes = await UntilCommitted(subscription);
        var change = Assert.IsType<NftNotification.Change>(Assert.Single(changes[..^1]));
        Assert.Equal(
            (NftObjectKind.Element, true, NftFamily.IPv4, "proxy", "endpoints"),
            (change.Kind, change.Deleted, change.Family, change.Table, change.Name));
        var committed = Assert.IsType<NftNotification.Committed>(changes[^1]);
        Assert.Equal("nft", committed.Generation.ProcessName);
        Assert.True(committed.Generation.ProcessId > 0);
        Assert.NotEqual(nft.PortId, committed.PortId);

        _ns.Exec("nft", "flush", "ruleset");

        var flush = (await UntilCommitted(subscription)).OfType<NftNotification.Change>().ToArray();
        Assert.Contains(flush, gone => gone is { Kind: NftObjectKind.Table, Deleted: true, Table: "proxy" });
        Assert.Contains(flush, gone => gone is { Kind: NftObjectKind.Chain, Deleted: true, Name: "pre" });
        Assert.Contains(flush, gone => gone is { Kind: NftObjectKind.Set, Deleted: true, Name: "services" });
        Assert.Contains(flush, gone => gone is { Kind: NftObjectKind.Rule, Deleted: true, Name: "pick-2" });
    }

    [Fact]
    public async Task Ones_own_changes_do_not_fill_the_receive_buffer()
    {
        using var nft = _ns.Run(NftNetlink.Open);
        using var subscription = _ns.Run(() => NftSubscription.Open(nft.PortId, receiveBuffer: 4096));
        using var batch = new NftBatch();
        ServicesRuleset.Write(batch);
        for (var i = 0; i < 20; i++)
        {
            nft.Commit(batch);
            batch.Reset();
            batch.DeleteTable(new NftTable(NftFamily.IPv4, "proxy"));
            batch.DeleteTable(new NftTable(NftFamily.IPv6, "proxy6"));
            nft.Commit(batch);
            batch.Reset();
            ServicesRuleset.Write(batch);
        }

        _ns.Exec("nft", "add", "table", "ip", "other");
        var change = Assert.IsType<NftNotification.Change>((await UntilCommitted(subscription))[0]);
        Assert.Equal("other", change.Table);
    }

    private async Task<List<NftNotification>> UntilCommitted(NftSubscription subscription)
    {
        var notifications = new List<NftNotification>();
        await foreach (var notification in subscription.ReadAllAsync(_timeout.Token))
        {
            notifications.Add(notification);
            if (notification is NftNotification.Committed)
            {
                break;
            }
        }

        return notifications;
    }
}
