namespace ProxyFramework.Core.View;

/// <summary>
/// Which addresses can be neither a frontend nor an endpoint. The API's validation also refuses loopback addresses; those are let
/// in here, because a proxy without privileges can serve nothing else.
/// </summary>
internal static class AddressRefusal
{
    /// <summary>Why an address is refused; null where it is not.</summary>
    public static string? Of(InetAddress address) => address switch
    {
        { IsUnspecified: true } => $"{address} is the unspecified address; give the address of one machine",
        { IsMulticast: true } => $"{address} is a multicast address; give a unicast address",
        { IsLinkLocal: true } => $"{address} is a link-local address, which means another machine on every link; give a routable address",
        _ => null,
    };
}
