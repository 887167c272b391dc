using System.Buffers.Binary;
using System.Net.Sockets;
using ProxyFramework.Netlink.NfTables;

namespace ProxyFramework.Backends.Iptables.Programs;

/// <summary>
/// Something that is another after a table was changed by anyone, and costs nothing to read: for legacy tables the number of entries and
/// their size, for nftables the generation of its rules. Its sockets belong to the network namespace of the thread that made it.
/// </summary>
internal sealed class TableStamp : IDisposable
{
    /// <summary><c>IPT_SO_GET_INFO</c> (linux/netfilter_ipv4/ip_tables.h), and the same of ip6_tables.</summary>
    private const int IPT_SO_GET_INFO = 64;
    private const int SOL_IP = 0;
    private const int SOL_IPV6 = 41;

    /// <summary>Of <c>struct ipt_getinfo</c>: the table's name first, the number of entries and their size last.</summary>
    private const int NameSize = 32, InfoSize = NameSize + 4 + (5 * 4) + (5 * 4) + 4 + 4;

    private static readonly byte[][] Names = [[.. "nat"u8], [.. "filter"u8]];

    private readonly IPFamily _family;
    private readonly Socket? _tables;
    private readonly NftNetlink? _nft;

    /// <exception cref="Netlink.NetlinkException">nf_tables cannot be reached.</exception>
    /// <exception cref="SocketException">Raw sockets cannot be had.</exception>
    public TableStamp(IPFamily family, string flavour)
    {
        _family = family;
        if (flavour == "nft")
        {
            _nft = NftNetlink.Open();
            return;
        }

        _tables = family == IPFamily.IPv4
            ? new Socket(AddressFamily.InterNetwork, SocketType.Raw, ProtocolType.Raw)
            : new Socket(AddressFamily.InterNetworkV6, SocketType.Raw, ProtocolType.Raw);
    }

    /// <summary>Reads it.</summary>
    public UInt128 Read()
    {
        if (_nft is not null)
        {
            return _nft.GetGeneration().Id;
        }

        Span<byte> info = stackalloc byte[InfoSize];
        UInt128 stamp = 0;
        foreach (var name in Names)
        {
            info.Clear();
            name.CopyTo(info);
            _tables!.GetRawSocketOption(_family == IPFamily.IPv4 ? SOL_IP : SOL_IPV6, IPT_SO_GET_INFO, info);
            stamp = (stamp << 64) | BinaryPrimitives.ReadUInt64LittleEndian(info[^8..]);
        }

        return stamp;
    }

    public void Dispose()
    {
        _tables?.Dispose();
        _nft?.Dispose();
    }
}
