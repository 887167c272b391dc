using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using static ProxyFramework.Netlink.Route.RtNetlinkHeader;

namespace ProxyFramework.Netlink.Route;

/// <summary>An address of a network interface.</summary>
/// <param name="Interface">The interface's index.</param>
/// <param name="Address">The address.</param>
/// <param name="PrefixLength">How many leading bits the interface's network has: 0…32 or 0…128.</param>
public sealed record InterfaceAddress(int Interface, InetAddress Address, byte PrefixLength)
{
    /// <summary>Where the address is valid; rtnetlink(7) <c>ifa_scope</c>.</summary>
    public RouteScope Scope { get; init; }

    /// <summary><c>IFA_F_*</c> of linux/if_addr.h; <c>IFA_F_NODAD</c> (2) brings an IPv6 address into use at once.</summary>
    public AddressFlags Flags { get; init; }

    internal static bool TryParse(NetlinkMessage message, [MaybeNullWhen(false)] out InterfaceAddress address)
    {
        address = null;
        if (message.Type is not (RTM_NEWADDR or RTM_DELADDR))
        {
            return false;
        }

        var header = MemoryMarshal.Read<ifaddrmsg>(message.Fixed(ifaddrmsg.Size));
        if (header.ifa_family is not (AF_INET or AF_INET6))
        {
            return false;
        }

        InetAddress? local = null;
        InetAddress? prefix = null;
        uint flags = header.ifa_flags;
        var attributes = message.Attributes(ifaddrmsg.Size);
        while (attributes.TryRead(out var attribute))
        {
            switch (attribute.Type)
            {
                case IFA_LOCAL:
                    local = attribute.ReadAddress();
                    break;
                case IFA_ADDRESS:
                    prefix = attribute.ReadAddress();
                    break;
                case IFA_FLAGS:
                    flags = attribute.ReadU32();
                    break;
            }
        }

        // On a point-to-point interface IFA_ADDRESS is the other side; IPv6 without a peer has no IFA_LOCAL (if_addr.h).
        if ((local ?? prefix) is not { } own)
        {
            return false;
        }

        address = new InterfaceAddress(header.ifa_index, own, header.ifa_prefixlen)
        {
            Scope = (RouteScope)header.ifa_scope,
            Flags = (AddressFlags)flags,
        };
        return true;
    }

    internal void Write(NetlinkWriter writer, ushort type, ushort flags)
    {
        writer.BeginMessage(type, flags);
        writer.Fixed(new ifaddrmsg
        {
            ifa_family = AddressFamily(Address.Family),
            ifa_prefixlen = PrefixLength,
            ifa_flags = (byte)Flags,
            ifa_scope = (byte)Scope,
            ifa_index = Interface,
        });
        writer.Address(IFA_LOCAL, Address);
        writer.Address(IFA_ADDRESS, Address);
        if ((uint)Flags > byte.MaxValue)
        {
            writer.U32(IFA_FLAGS, (uint)Flags);
        }

        writer.EndMessage();
    }
}
