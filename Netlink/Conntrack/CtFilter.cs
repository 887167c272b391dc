using static ProxyFramework.Netlink.Conntrack.CtNetlinkHeader;

namespace ProxyFramework.Netlink.Conntrack;

/// <summary>
/// Which connections a dump returns; what is null does not restrict. The kernel filters (by addresses and ports since 5.8, by
/// status since 5.18; IPv6 addresses it is not asked for), and the library once more behind it, so all kernels return the same.
/// </summary>
/// <param name="Family">IPv4 or IPv6.</param>
public sealed record CtFilter(IPFamily Family)
{
    /// <summary>Only of this IANA protocol number.</summary>
    public byte? Protocol { get; init; }

    /// <summary>Only from this client.</summary>
    public InetAddress? OriginalSource { get; init; }

    /// <summary>Only to this address, before translation: a service's.</summary>
    public InetAddress? OriginalDestination { get; init; }

    /// <summary>Only to this port, before translation; needs a protocol.</summary>
    public ushort? OriginalDestinationPort { get; init; }

    /// <summary>Only answered by this address: an endpoint's.</summary>
    public InetAddress? ReplySource { get; init; }

    /// <summary>Only answered from this port: an endpoint's; needs a protocol.</summary>
    public ushort? ReplySourcePort { get; init; }

    /// <summary>Only with this connection mark, under the mask.</summary>
    public (uint Value, uint Mask)? Mark { get; init; }

    /// <summary>Only where all of these are set.</summary>
    public CtStatus Status { get; init; }

    /// <summary>Only in this zone.</summary>
    public ushort? Zone { get; init; }

    internal bool Matches(CtEntry entry) => entry.Original.Source.Family == Family
        && (Protocol is null || entry.Original.Protocol == Protocol)
        && (OriginalSource is null || entry.Original.Source == OriginalSource)
        && (OriginalDestination is null || entry.Original.Destination == OriginalDestination)
        && (OriginalDestinationPort is null || entry.Original.DestinationPort == OriginalDestinationPort)
        && (ReplySource is null || entry.Reply.Source == ReplySource)
        && (ReplySourcePort is null || entry.Reply.SourcePort == ReplySourcePort)
        && (Mark is not { } mark || (entry.Mark & mark.Mask) == mark.Value)
        && (entry.Status & Status) == Status
        && (Zone is null || entry.Zone == Zone);

    internal void Write(NetlinkWriter writer)
    {
        if ((ReplySourcePort ?? OriginalDestinationPort) is not null && Protocol is null)
        {
            throw new InvalidOperationException("a filter by port needs a protocol");
        }

        if (Mark is { } mark)
        {
            writer.U32BigEndian(CTA_MARK, mark.Value);
            writer.U32BigEndian(CTA_MARK_MASK, mark.Mask);
        }

        if (Status != CtStatus.None)
        {
            writer.U32BigEndian(CTA_STATUS, (uint)Status);
            writer.U32BigEndian(CTA_STATUS_MASK, (uint)Status);
        }

        if (Zone is { } zone)
        {
            writer.U16BigEndian(CTA_ZONE, zone);
        }

        // ctnetlink_filter_match_tuple() takes the result of ipv6_addr_cmp() for its opposite (still so in 6.18): it would return
        // all connections but those that are wanted.
        var isIPv4 = Family == IPFamily.IPv4;
        var original = Flags(isIPv4 ? OriginalSource : null, isIPv4 ? OriginalDestination : null, Protocol, null, OriginalDestinationPort);
        var reply = Flags(isIPv4 ? ReplySource : null, null, null, ReplySourcePort, null);
        if (original == 0 && reply == 0)
        {
            return;
        }

        using (writer.Nested(CTA_FILTER))
        {
            writer.U32(CTA_FILTER_ORIG_FLAGS, original);
            writer.U32(CTA_FILTER_REPLY_FLAGS, reply);
        }

        if (original != 0)
        {
            WriteTuple(writer, CTA_TUPLE_ORIG, null, OriginalDestinationPort);
        }

        if (reply != 0)
        {
            WriteTuple(writer, CTA_TUPLE_REPLY, ReplySourcePort, null);
        }
    }

    private static uint Flags(InetAddress? source, InetAddress? destination, byte? protocol, ushort? sourcePort, ushort? destinationPort) =>
        (source is null ? 0 : CTA_FILTER_F_CTA_IP_SRC)
        | (destination is null ? 0 : CTA_FILTER_F_CTA_IP_DST)
        | (protocol is null && sourcePort is null && destinationPort is null ? 0 : CTA_FILTER_F_CTA_PROTO_NUM)
        | (sourcePort is null ? 0 : CTA_FILTER_F_CTA_PROTO_SRC_PORT)
        | (destinationPort is null ? 0 : CTA_FILTER_F_CTA_PROTO_DST_PORT);

    private void WriteTuple(NetlinkWriter writer, ushort attribute, ushort? sourcePort, ushort? destinationPort)
    {
        var isOriginal = attribute == CTA_TUPLE_ORIG;
        var source = isOriginal ? OriginalSource : ReplySource;
        var destination = isOriginal ? OriginalDestination : null;
        using (writer.Nested(attribute))
        {
            if ((source ?? destination) is not null)
            {
                using (writer.Nested(CTA_TUPLE_IP))
                {
                    WriteAddress(writer, source, CTA_IP_V4_SRC, CTA_IP_V6_SRC);
                    WriteAddress(writer, destination, CTA_IP_V4_DST, CTA_IP_V6_DST);
                }
            }

            if (Protocol is not { } protocol || (!isOriginal && sourcePort is null))
            {
                return;
            }

            using (writer.Nested(CTA_TUPLE_PROTO))
            {
                writer.U8(CTA_PROTO_NUM, protocol);
                if (sourcePort is { } from)
                {
                    writer.U16BigEndian(CTA_PROTO_SRC_PORT, from);
                }

                if (destinationPort is { } to)
                {
                    writer.U16BigEndian(CTA_PROTO_DST_PORT, to);
                }
            }
        }
    }

    private void WriteAddress(NetlinkWriter writer, InetAddress? address, ushort v4, ushort v6)
    {
        if (address is { } value)
        {
            writer.Address(Family == IPFamily.IPv4 ? v4 : v6, value);
        }
    }
}
