using System.Globalization;
using System.Reflection;
using ProxyFramework.Netlink.Conntrack;
using ProxyFramework.Netlink.Generic;
using ProxyFramework.Netlink.Ipvs;
using ProxyFramework.Netlink.NfTables;
using ProxyFramework.Netlink.Route;

namespace ProxyFramework.Netlink;

/// <summary>The kernel headers' names of message types, for errors.</summary>
internal static class NetlinkMessageNames
{
    /// <param name="protocol">The netlink family.</param>
    /// <param name="type"><c>nlmsg_type</c>.</param>
    /// <param name="payload">What follows the header: generic netlink has the command there.</param>
    internal static string Name(NetlinkProtocol protocol, ushort type, ReadOnlySpan<byte> payload) => protocol switch
    {
        NetlinkProtocol.Route => Constant(typeof(RtNetlinkHeader), "RTM_", type),
        NetlinkProtocol.Netfilter => (type >> 8) switch
        {
            0 => Constant(typeof(NfTablesHeader), "NFNL_MSG_BATCH_", type),
            NfTablesHeader.NFNL_SUBSYS_CTNETLINK => Constant(typeof(CtNetlinkHeader), "IPCTNL_MSG_CT_", type & 0xFF),
            NfTablesHeader.NFNL_SUBSYS_NFTABLES => Constant(typeof(NfTablesHeader), "NFT_MSG_", type & 0xFF),
            _ => null,
        },

        // A family's type is given out at run time; IPVS is the only one that the library speaks.
        NetlinkProtocol.Generic when !payload.IsEmpty => type == GenericHeader.GENL_ID_CTRL
            ? Constant(typeof(GenericHeader), "CTRL_CMD_", payload[0])
            : Constant(typeof(IpvsHeader), "IPVS_CMD_", payload[0]),
        _ => null,
    } ?? string.Create(CultureInfo.InvariantCulture, $"{protocol} message {type}");

    // Only a refused request asks, so it may cost a look through the constants.
    private static string? Constant(Type header, string prefix, int value) => header
        .GetFields(BindingFlags.Static | BindingFlags.NonPublic)
        .FirstOrDefault(field => field.IsLiteral
            && field.Name.StartsWith(prefix, StringComparison.Ordinal)
            && !field.Name.Contains("_ATTR_", StringComparison.Ordinal)
            && field.GetRawConstantValue() is ushort or byte
            && Convert.ToInt32(field.GetRawConstantValue(), CultureInfo.InvariantCulture) == value)?.Name;
}
