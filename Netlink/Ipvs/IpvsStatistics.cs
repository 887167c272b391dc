using static ProxyFramework.Netlink.Ipvs.IpvsHeader;

namespace ProxyFramework.Netlink.Ipvs;

/// <summary>
/// What went through a virtual or real server since it was made or zeroed, and rates. The kernel brings both up to date every 2 s,
/// while the numbers of connections of <see cref="IpvsDestinationState"/> are those of the moment.
/// </summary>
/// <param name="Connections">Connections scheduled.</param>
/// <param name="PacketsIn">Packets to real servers.</param>
/// <param name="PacketsOut">Packets back; only masquerading sees them.</param>
/// <param name="BytesIn">Bytes to real servers.</param>
/// <param name="BytesOut">Bytes back.</param>
/// <param name="ConnectionRate">Connections a second.</param>
/// <param name="PacketRateIn">Packets to real servers a second.</param>
/// <param name="PacketRateOut">Packets back a second.</param>
/// <param name="ByteRateIn">Bytes to real servers a second.</param>
/// <param name="ByteRateOut">Bytes back a second.</param>
public readonly record struct IpvsStatistics(
    ulong Connections,
    ulong PacketsIn,
    ulong PacketsOut,
    ulong BytesIn,
    ulong BytesOut,
    ulong ConnectionRate,
    ulong PacketRateIn,
    ulong PacketRateOut,
    ulong ByteRateIn,
    ulong ByteRateOut)
{
    /// <summary><c>IPVS_SVC_ATTR_STATS64</c> and <c>IPVS_DEST_ATTR_STATS64</c>: all counters in 64 bits (since Linux 4.1).</summary>
    internal static IpvsStatistics Read64(AttributeReader attributes) => Read(attributes, static (attribute, _) => attribute.ReadU64());

    /// <summary><c>IPVS_SVC_ATTR_STATS</c> and <c>IPVS_DEST_ATTR_STATS</c>: 32 bits, but for the bytes.</summary>
    internal static IpvsStatistics Read32(AttributeReader attributes) => Read(
        attributes,
        static (attribute, type) => type is IPVS_STATS_ATTR_INBYTES or IPVS_STATS_ATTR_OUTBYTES ? attribute.ReadU64() : attribute.ReadU32());

    private static IpvsStatistics Read(AttributeReader attributes, CounterReader read)
    {
        Span<ulong> counters = stackalloc ulong[IPVS_STATS_ATTR_OUTBPS + 1];
        counters.Clear();
        while (attributes.TryRead(out var attribute))
        {
            // IPVS_STATS_ATTR_PAD, which has no value, is the one behind.
            if (attribute.Type is >= IPVS_STATS_ATTR_CONNS and <= IPVS_STATS_ATTR_OUTBPS)
            {
                counters[attribute.Type] = read(attribute, attribute.Type);
            }
        }

        return new IpvsStatistics(
            counters[IPVS_STATS_ATTR_CONNS],
            counters[IPVS_STATS_ATTR_INPKTS],
            counters[IPVS_STATS_ATTR_OUTPKTS],
            counters[IPVS_STATS_ATTR_INBYTES],
            counters[IPVS_STATS_ATTR_OUTBYTES],
            counters[IPVS_STATS_ATTR_CPS],
            counters[IPVS_STATS_ATTR_INPPS],
            counters[IPVS_STATS_ATTR_OUTPPS],
            counters[IPVS_STATS_ATTR_INBPS],
            counters[IPVS_STATS_ATTR_OUTBPS]);
    }

    private delegate ulong CounterReader(NetlinkAttribute attribute, int type);
}
