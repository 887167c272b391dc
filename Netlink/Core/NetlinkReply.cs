namespace ProxyFramework.Netlink;

/// <summary>Takes one answer to a request.</summary>
/// <exception cref="NetlinkFormatException">The message is not well-formed.</exception>
internal delegate void NetlinkReply(NetlinkMessage message);
