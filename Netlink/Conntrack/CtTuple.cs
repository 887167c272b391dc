using static ProxyFramework.Netlink.Conntrack.CtNetlinkHeader;

namespace ProxyFramework.Netlink.Conntrack;

/// <summary>One direction of a connection.</summary>
/// <param name="Source">Where packets come from.</param>
/// <param name="Destination">Where they go.</param>
/// <param name="Protocol">The IANA protocol number.</param>
/// <param name="SourcePort">The source port; for ICMP the identifier.</param>
/// <param name="DestinationPort">The destination port; for ICMP the type in the upper and the code in the lower byte.</param>
public readonly record struct CtTuple(
    InetAddress Source, InetAddress Destination, byte Protocol, ushort SourcePort, ushort DestinationPort)
{
    internal static CtTuple Read(AttributeReader attributes)
    {
        InetAddress source = default, destination = default;
        byte protocol = 0;
        ushort sourcePort = 0, destinationPort = 0;
        while (attributes.TryRead(out var part))
        {
            var values = part.Type is CTA_TUPLE_IP or CTA_TUPLE_PROTO ? part.Nested() : default;
            while (values.TryRead(out var value))
            {
                switch (part.Type, value.Type)
                {
                    case (CTA_TUPLE_IP, CTA_IP_V4_SRC or CTA_IP_V6_SRC):
                        source = value.ReadAddress();
                        break;
                    case (CTA_TUPLE_IP, CTA_IP_V4_DST or CTA_IP_V6_DST):
                        destination = value.ReadAddress();
                        break;
                    case (CTA_TUPLE_PROTO, CTA_PROTO_NUM):
                        protocol = value.ReadU8();
                        break;
                    case (CTA_TUPLE_PROTO, CTA_PROTO_SRC_PORT or CTA_PROTO_ICMP_ID or CTA_PROTO_ICMPV6_ID):
                        sourcePort = value.ReadU16BigEndian();
                        break;
                    case (CTA_TUPLE_PROTO, CTA_PROTO_DST_PORT):
                        destinationPort = value.ReadU16BigEndian();
                        break;
                    case (CTA_TUPLE_PROTO, CTA_PROTO_ICMP_TYPE or CTA_PROTO_ICMPV6_TYPE):
                        destinationPort |= (ushort)(value.ReadU8() << 8);
                        break;
                    case (CTA_TUPLE_PROTO, CTA_PROTO_ICMP_CODE or CTA_PROTO_ICMPV6_CODE):
                        destinationPort |= value.ReadU8();
                        break;
                }
            }
        }

        return new CtTuple(source, destination, protocol, sourcePort, destinationPort);
    }

    internal void Write(NetlinkWriter writer, ushort attribute)
    {
        using (writer.Nested(attribute))
        {
            using (writer.Nested(CTA_TUPLE_IP))
            {
                writer.Address(Source.IsIPv4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, Source);
                writer.Address(Destination.IsIPv4 ? CTA_IP_V4_DST : CTA_IP_V6_DST, Destination);
            }

            using (writer.Nested(CTA_TUPLE_PROTO))
            {
                writer.U8(CTA_PROTO_NUM, Protocol);
                if (Protocol is IPPROTO_ICMP or IPPROTO_ICMPV6)
                {
                    var offset = Protocol == IPPROTO_ICMP ? 0 : CTA_PROTO_ICMPV6_ID - CTA_PROTO_ICMP_ID;
                    writer.U16BigEndian((ushort)(CTA_PROTO_ICMP_ID + offset), SourcePort);
                    writer.U8((ushort)(CTA_PROTO_ICMP_TYPE + offset), (byte)(DestinationPort >> 8));
                    writer.U8((ushort)(CTA_PROTO_ICMP_CODE + offset), (byte)DestinationPort);
                }
                else
                {
                    writer.U16BigEndian(CTA_PROTO_SRC_PORT, SourcePort);
                    writer.U16BigEndian(CTA_PROTO_DST_PORT, DestinationPort);
                }
            }
        }
    }
}
