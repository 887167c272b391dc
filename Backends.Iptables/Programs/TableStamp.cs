using System.Buffers.Binary;
using System.Net.Sockets;
using ProxyFramework.Netlink.NfTables;

namespace ProxyFramework.Backends.Iptables.Programs;

/// <summary>
/// Something that is another after a table was changed by anyone, and costs nothing to read: for legacy tables the number of entries and
/// their size, for nftables the generation of its rules, which both families share. Where a change of ours explains how it moved on, the
/// rules need not be read again; where it does not, someone else was at them too. Its sockets belong to the network namespace of the
/// thread that made it.
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

    private readonly Dictionary<IPFamily, Socket> _tables = [];
    private readonly Dictionary<IPFamily, UInt128> _known = [];
    private readonly NftNetlink? _nft;

    /// <exception cref="Netlink.NetlinkException">nf_tables cannot be reached.</exception>
    /// <exception cref="SocketException">Raw sockets cannot be had.</exception>
    public TableStamp(string flavour)
    {
        if (flavour == "nft")
        {
            _nft = NftNetlink.Open();
            return;
        }

        _tables.Add(IPFamily.IPv4, new Socket(AddressFamily.InterNetwork, SocketType.Raw, ProtocolType.Raw));
        _tables.Add(IPFamily.IPv6, new Socket(AddressFamily.InterNetworkV6, SocketType.Raw, ProtocolType.Raw));
    }

    /// <summary>Reads it.</summary>
    public UInt128 Read(IPFamily family)
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
            _tables[family].GetRawSocketOption(family == IPFamily.IPv4 ? SOL_IP : SOL_IPV6, IPT_SO_GET_INFO, info);
            stamp = (stamp << 64) | BinaryPrimitives.ReadUInt64LittleEndian(info[^8..]);
        }

        return stamp;
    }

    /// <summary>Whether the rules of this stamp are known.</summary>
    public bool IsKnown(IPFamily family, UInt128 stamp) => _known.TryGetValue(family, out var known) && known == stamp;

    /// <summary>The rules were read, and were of this stamp before.</summary>
    public void Know(IPFamily family, UInt128 stamp) => _known[family] = stamp;

    /// <summary>A change of ours was made.</summary>
    /// <param name="family">The family.</param>
    /// <param name="before">The stamp before it.</param>
    /// <param name="commits">How many transactions it took.</param>
    /// <param name="natEntries">How many entries more the nat table has.</param>
    /// <param name="filterEntries">How many entries more the filter table has.</param>
    public void Changed(IPFamily family, UInt128 before, int commits, int natEntries, int filterEntries)
    {
        var now = Read(family);
        var isExplained = _nft is not null
            ? (uint)now == (uint)before + (uint)commits
            : (uint)(now >> 64) == (uint)(before >> 64) + (uint)natEntries && (uint)now == (uint)before + (uint)filterEntries;
        if (!isExplained)
        {
            _known.Remove(family);
            return;
        }

        foreach (var other in Enum.GetValues<IPFamily>().Where(other => (other == family || _nft is not null) && IsKnown(other, before)))
        {
            _known[other] = now;
        }
    }

    public void Dispose()
    {
        foreach (var socket in _tables.Values)
        {
            socket.Dispose();
        }

        _nft?.Dispose();
    }
}
