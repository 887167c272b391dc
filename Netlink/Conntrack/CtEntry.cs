using System.Diagnostics.CodeAnalysis;
using ProxyFramework.Netlink.NfTables;
using static ProxyFramework.Netlink.Conntrack.CtNetlinkHeader;

namespace ProxyFramework.Netlink.Conntrack;

/// <summary>A tracked connection.</summary>
/// <param name="Original">The direction of who began it, before translation: the client to the service.</param>
/// <param name="Reply">The direction of the replies, before they are translated back: the endpoint to the client, or to the masquerade address.</param>
public sealed record CtEntry(CtTuple Original, CtTuple Reply)
{
    /// <summary>What is known about it.</summary>
    public CtStatus Status { get; init; }

    /// <summary>The kernel's number for it: a hash of its addresses and its place in memory (<c>nf_ct_get_id()</c>).</summary>
    public uint Id { get; init; }

    /// <summary>The connection mark.</summary>
    public uint Mark { get; init; }

    /// <summary>The conntrack zone; 0 is the default one.</summary>
    public ushort Zone { get; init; }

    /// <summary>After which time without packets it is forgotten.</summary>
    public TimeSpan Timeout { get; init; }

    internal static bool TryParse(NetlinkMessage message, [MaybeNullWhen(false)] out CtEntry entry)
    {
        entry = null;
        if (message.Type != CtNetlink.MessageType(IPCTNL_MSG_CT_NEW))
        {
            return false;
        }

        CtTuple original = default, reply = default;
        uint status = 0, id = 0, mark = 0, seconds = 0;
        ushort zone = 0;
        var attributes = message.Attributes(NfTablesHeader.nfgenmsg.Size);
        while (attributes.TryRead(out var attribute))
        {
            switch (attribute.Type)
            {
                case CTA_TUPLE_ORIG:
                    original = CtTuple.Read(attribute.Nested());
                    break;
                case CTA_TUPLE_REPLY:
                    reply = CtTuple.Read(attribute.Nested());
                    break;
                case CTA_STATUS:
                    status = attribute.ReadU32BigEndian();
                    break;
                case CTA_TIMEOUT:
                    seconds = attribute.ReadU32BigEndian();
                    break;
                case CTA_MARK:
                    mark = attribute.ReadU32BigEndian();
                    break;
                case CTA_ID:
                    id = attribute.ReadU32BigEndian();
                    break;
                case CTA_ZONE:
                    zone = attribute.ReadU16BigEndian();
                    break;
            }
        }

        entry = new CtEntry(original, reply)
        {
            Status = (CtStatus)status,
            Id = id,
            Mark = mark,
            Zone = zone,
            Timeout = TimeSpan.FromSeconds(seconds),
        };
        return true;
    }
}
