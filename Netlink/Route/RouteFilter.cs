using static ProxyFramework.Netlink.Route.RtNetlinkHeader;

namespace ProxyFramework.Netlink.Route;

/// <summary>Which routes a dump returns. What is null does not restrict. The kernel filters, and the library once more behind it.</summary>
/// <param name="Family">IPv4 or IPv6.</param>
public sealed record RouteFilter(IPFamily Family)
{
    /// <summary>Only of this table.</summary>
    public uint? Table { get; init; }

    /// <summary>Only made by this <c>RTPROT_*</c>.</summary>
    public byte? Protocol { get; init; }

    /// <summary>Only of this type.</summary>
    public RouteType? Type { get; init; }

    /// <summary>Only through this interface.</summary>
    public int? Interface { get; init; }

    internal void Write(NetlinkWriter writer)
    {
        writer.BeginMessage(RTM_GETROUTE, NetlinkHeader.NLM_F_DUMP);
        writer.Fixed(new rtmsg
        {
            rtm_family = AddressFamily(Family),
            rtm_protocol = Protocol ?? 0,
            rtm_type = (byte)(Type ?? RouteType.Unspecified),
        });
        if (Table is { } table)
        {
            writer.U32(RTA_TABLE, table);
        }

        if (Interface is { } link)
        {
            writer.U32(RTA_OIF, (uint)link);
        }

        writer.EndMessage();
    }

    internal bool Matches(IpRoute route) => (Table is null || route.Table == Table)
        && (Protocol is null || route.Protocol == Protocol)
        && (Type is null || route.Type == Type)
        && (Interface is null || route.Interface == Interface);
}
