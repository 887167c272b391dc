using System.Runtime.CompilerServices;
using static ProxyFramework.Netlink.NfTables.NfTablesHeader;

namespace ProxyFramework.Netlink.NfTables;

/// <summary>
/// Listens to changes of nf_tables by others. To miss nothing, open it before the first dump. It waits without a thread of its
/// own. One reader.
/// </summary>
public sealed class NftSubscription : IDisposable
{
    private readonly NetlinkSubscription _subscription;

    private NftSubscription(NetlinkSubscription subscription) => _subscription = subscription;

    /// <summary>Opens a subscription in the network namespace of the calling thread.</summary>
    /// <param name="ownPort">The <see cref="NftNetlink.PortId"/> whose changes are not reported; 0 reports all.</param>
    /// <param name="receiveBuffer">Bytes of receive buffer; what does not fit is lost, and reported as <see cref="NftNotification.Overrun"/>.</param>
    /// <exception cref="NetlinkException">A system call failed.</exception>
    public static NftSubscription Open(uint ownPort = 0, int receiveBuffer = 16 << 20) =>
        new(NetlinkSubscription.Open(NetlinkProtocol.Netfilter, [NFNLGRP_NFTABLES], receiveBuffer, ownPort));

    /// <summary>
    /// Listens no more. Where somebody listens, the kernel makes a notification of every change, which takes longer than the change
    /// itself: one's own large loads are better made without.
    /// </summary>
    /// <exception cref="NetlinkException">The system call failed.</exception>
    public void Pause() => _subscription.Leave(NFNLGRP_NFTABLES);

    /// <summary>Listens again.</summary>
    /// <exception cref="NetlinkException">The system call failed.</exception>
    public void Resume() => _subscription.Join(NFNLGRP_NFTABLES);

    /// <summary>The changes as they come, without end.</summary>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    /// <exception cref="NetlinkException">The socket failed.</exception>
    public async IAsyncEnumerable<NftNotification> ReadAllAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var notifications = new List<NftNotification>();
        while (true)
        {
            var received = await _subscription.ReceiveAsync(cancellationToken).ConfigureAwait(false);
            notifications.Clear();
            Parse(received.Span, notifications);
            foreach (var notification in notifications)
            {
                yield return notification;
            }
        }
    }

    /// <summary>Closes the socket.</summary>
    public void Dispose() => _subscription.Dispose();

    internal static void Parse(ReadOnlySpan<byte> received, List<NftNotification> notifications)
    {
        if (received.IsEmpty)
        {
            notifications.Add(new NftNotification.Overrun());
            return;
        }

        var reader = new NetlinkReader(received);
        while (reader.TryRead(out var message))
        {
            if (message.Type >> 8 != NFNL_SUBSYS_NFTABLES)
            {
                continue;
            }

            if (NftGeneration.TryParse(message, out var generation))
            {
                notifications.Add(new NftNotification.Committed(generation, message.PortId));
            }
            else if (Kind((ushort)(message.Type & 0xFF)) is { } kind)
            {
                notifications.Add(ReadChange(message, kind.Kind, kind.Deleted));
            }
        }
    }

    private static (NftObjectKind Kind, bool Deleted)? Kind(ushort type) => type switch
    {
        NFT_MSG_NEWTABLE => (NftObjectKind.Table, false),
        NFT_MSG_DELTABLE => (NftObjectKind.Table, true),
        NFT_MSG_NEWCHAIN => (NftObjectKind.Chain, false),
        NFT_MSG_DELCHAIN => (NftObjectKind.Chain, true),
        NFT_MSG_NEWRULE => (NftObjectKind.Rule, false),
        NFT_MSG_DELRULE => (NftObjectKind.Rule, true),
        NFT_MSG_NEWSET => (NftObjectKind.Set, false),
        NFT_MSG_DELSET => (NftObjectKind.Set, true),
        NFT_MSG_NEWSETELEM => (NftObjectKind.Element, false),
        NFT_MSG_DELSETELEM => (NftObjectKind.Element, true),
        NFT_MSG_NEWOBJ => (NftObjectKind.Object, false),
        NFT_MSG_DELOBJ => (NftObjectKind.Object, true),
        NFT_MSG_NEWFLOWTABLE => (NftObjectKind.FlowTable, false),
        NFT_MSG_DELFLOWTABLE => (NftObjectKind.FlowTable, true),
        _ => null,
    };

    private static NftNotification.Change ReadChange(NetlinkMessage message, NftObjectKind kind, bool deleted)
    {
        // All kinds have their table's name in attribute 1; a chain's own name is in 3, a table has none, the others' is in 2.
        var nameAttribute = kind switch
        {
            NftObjectKind.Table => -1,
            NftObjectKind.Chain => NFTA_CHAIN_NAME,
            _ => NFTA_OBJ_NAME,
        };
        var table = "";
        var name = "";
        var attributes = message.Attributes(nfgenmsg.Size);
        while (attributes.TryRead(out var attribute))
        {
            if (attribute.Type == NFTA_OBJ_TABLE)
            {
                table = attribute.ReadString();
            }
            else if (attribute.Type == nameAttribute)
            {
                name = attribute.ReadString();
            }
        }

        return new NftNotification.Change(kind, deleted, (NftFamily)message.Fixed(nfgenmsg.Size)[0], table, name, message.PortId);
    }
}
