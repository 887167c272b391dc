using System.Numerics;
using System.Runtime.InteropServices;
using ProxyFramework.Netlink.Route;
using static ProxyFramework.Netlink.Ipvs.IpvsHeader;

namespace ProxyFramework.Netlink.Ipvs;

/// <summary>A virtual server as it is configured. Equal where the kernel would treat connections equally.</summary>
/// <param name="Key">What identifies it.</param>
/// <param name="Scheduler">
/// <c>rr</c>, <c>wrr</c>, <c>lc</c>, <c>wlc</c>, <c>lblc</c>, <c>lblcr</c>, <c>dh</c>, <c>sh</c>, <c>sed</c>, <c>nq</c>, <c>fo</c>,
/// <c>ovf</c>, <c>mh</c> or that of another module; at most 15 bytes.
/// </param>
public sealed record IpvsService(IpvsServiceKey Key, string Scheduler)
{
    /// <summary>Persistence, one-packet scheduling, the scheduler's own flags.</summary>
    public IpvsServiceFlags Flags { get; init; }

    /// <summary>How long a client stays with its real server (<see cref="IpvsServiceFlags.Persistent"/>); whole seconds.</summary>
    public TimeSpan Timeout { get; init; }

    /// <summary>
    /// How many leading bits of their addresses make clients one client to persistence: 0…32 for IPv4, 1…128 for IPv6. All by default.
    /// </summary>
    public int PersistencePrefixLength { get; init; } = Key.Family == IPFamily.IPv4 ? 32 : 128;

    /// <summary><c>IPVS_SVC_ATTR_PE_NAME</c>: what tells clients apart instead of their addresses, such as <c>sip</c>; or null.</summary>
    public string? PersistenceEngine { get; init; }

    internal void Write(NetlinkWriter writer)
    {
        Key.Write(writer);
        writer.String(IPVS_SVC_ATTR_SCHED_NAME, Scheduler);
        if (PersistenceEngine is not null)
        {
            writer.String(IPVS_SVC_ATTR_PE_NAME, PersistenceEngine);
        }

        // The mask says which flags are meant: all of them, so a flag that is not set is cleared.
        var flags = new ip_vs_flags { flags = (uint)Flags, mask = uint.MaxValue };
        MemoryMarshal.Write(writer.AttributeSpace(IPVS_SVC_ATTR_FLAGS, ip_vs_flags.Size), in flags);
        writer.U32(IPVS_SVC_ATTR_TIMEOUT, checked((uint)Timeout.TotalSeconds));
        if (Key.Family == IPFamily.IPv4)
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThan(PersistencePrefixLength, 32, nameof(PersistencePrefixLength));
            writer.U32BigEndian(IPVS_SVC_ATTR_NETMASK, PersistencePrefixLength == 0 ? 0 : uint.MaxValue << (32 - PersistencePrefixLength));
        }
        else
        {
            writer.U32(IPVS_SVC_ATTR_NETMASK, (uint)PersistencePrefixLength);
        }
    }

    /// <summary>Reads a service out of the attributes of <c>IPVS_CMD_ATTR_SERVICE</c>.</summary>
    internal static IpvsServiceState Read(AttributeReader attributes)
    {
        ushort family = RtNetlinkHeader.AF_UNSPEC, protocol = 0, port = 0;
        uint mark = 0, timeout = 0, netmask = 0, bigEndianNetmask = 0;
        ReadOnlySpan<byte> address = default;
        var scheduler = "";
        string? engine = null;
        var flags = IpvsServiceFlags.None;
        var statistics = default(IpvsStatistics);
        while (attributes.TryRead(out var attribute))
        {
            switch (attribute.Type)
            {
                case IPVS_SVC_ATTR_AF:
                    family = attribute.ReadU16();
                    break;
                case IPVS_SVC_ATTR_PROTOCOL:
                    protocol = attribute.ReadU16();
                    break;
                case IPVS_SVC_ATTR_ADDR:
                    address = attribute.Value;
                    break;
                case IPVS_SVC_ATTR_PORT:
                    port = attribute.ReadU16BigEndian();
                    break;
                case IPVS_SVC_ATTR_FWMARK:
                    mark = attribute.ReadU32();
                    break;
                case IPVS_SVC_ATTR_SCHED_NAME:
                    scheduler = attribute.ReadString();
                    break;
                case IPVS_SVC_ATTR_PE_NAME:
                    engine = attribute.ReadString();
                    break;
                case IPVS_SVC_ATTR_FLAGS:
                    // The kernel's own mark is none of the configuration.
                    flags = ReadFlags(attribute.Value) & ~IpvsServiceFlags.Hashed;
                    break;
                case IPVS_SVC_ATTR_TIMEOUT:
                    timeout = attribute.ReadU32();
                    break;
                case IPVS_SVC_ATTR_NETMASK:
                    netmask = attribute.ReadU32();
                    bigEndianNetmask = attribute.ReadU32BigEndian();
                    break;
                case IPVS_SVC_ATTR_STATS64:
                    statistics = IpvsStatistics.Read64(attribute.Nested());
                    break;
                case IPVS_SVC_ATTR_STATS when statistics == default:
                    statistics = IpvsStatistics.Read32(attribute.Nested());
                    break;
            }
        }

        var key = mark != 0
            ? new IpvsServiceKey(IpvsAddress.Family(family), mark)
            : new IpvsServiceKey((TransportProtocol)protocol, IpvsAddress.Read(address, family), port);
        var service = new IpvsService(key, scheduler)
        {
            Flags = flags,
            Timeout = TimeSpan.FromSeconds(timeout),
            PersistencePrefixLength = family == RtNetlinkHeader.AF_INET ? BitOperations.LeadingZeroCount(~bigEndianNetmask) : (int)netmask,
            PersistenceEngine = engine,
        };
        return new IpvsServiceState(service, statistics);
    }

    private static IpvsServiceFlags ReadFlags(ReadOnlySpan<byte> value) => value.Length >= ip_vs_flags.Size
        ? (IpvsServiceFlags)MemoryMarshal.Read<ip_vs_flags>(value).flags
        : throw new NetlinkFormatException($"struct ip_vs_flags has {value.Length} bytes where {ip_vs_flags.Size} are due");
}
