using System.Collections.Immutable;

namespace ProxyFramework.Netlink.NfTables;

/// <summary>
/// The type of a set's keys or a map's data. The kernel only keeps its number, for <c>nft</c> to know how to print; the numbers
/// are those of <c>enum datatypes</c> in nft's datatype.h, and a concatenation has 6 bits for each of its fields.
/// </summary>
public readonly record struct NftType
{
    private const int BitsPerField = 6;
    private const int MaxFields = 5;

    private readonly ImmutableArray<NftType> _fields;

    private NftType(uint number, int size, uint byteOrder, ImmutableArray<NftType> fields = default)
    {
        Number = number;
        Size = size;
        ByteOrder = byteOrder;
        _fields = fields;
    }

    /// <summary><c>verdict</c>; for the data of a map.</summary>
    public static NftType Verdict => new(NfTablesHeader.NFT_DATA_VERDICT, 0, 0);

    /// <summary><c>ipv4_addr</c>: 4 bytes in network order.</summary>
    public static NftType IPv4Address => new(7, 4, NetworkOrder);

    /// <summary><c>ipv6_addr</c>: 16 bytes in network order.</summary>
    public static NftType IPv6Address => new(8, 16, NetworkOrder);

    /// <summary><c>inet_proto</c>: 1 byte.</summary>
    public static NftType InetProtocol => new(12, 1, NetworkOrder);

    /// <summary><c>inet_service</c>: a port, 2 bytes in network order.</summary>
    public static NftType InetService => new(13, 2, NetworkOrder);

    /// <summary><c>mark</c>: 4 bytes in host order. Also fits what numgen and the hashes produce.</summary>
    public static NftType Mark => new(19, 4, HostOrder);

    /// <summary><c>classid</c>: 4 bytes in host order; the type of a packet's priority.</summary>
    public static NftType ClassId => new(23, 4, HostOrder);

    /// <summary><c>ifname</c>: 16 bytes, filled up with NUL.</summary>
    public static NftType InterfaceName => new(41, 16, HostOrder);

    /// <summary>The number by which <c>nft</c> knows the type.</summary>
    public uint Number { get; }

    /// <summary>The number of bytes in a register. A field of a concatenation takes a multiple of 4.</summary>
    public int Size { get; }

    /// <summary>The types of a concatenation's fields, in order; empty for a simple type.</summary>
    public ImmutableArray<NftType> Fields => _fields.IsDefault ? [] : _fields;

    /// <summary>nft's <c>enum byteorder</c>; 0 for a concatenation.</summary>
    internal uint ByteOrder { get; }

    internal bool IsVerdict => Number == NfTablesHeader.NFT_DATA_VERDICT;

    private static uint HostOrder => 1;

    private static uint NetworkOrder => 2;

    /// <summary>A concatenation, <c>A . B . C</c> in nft's language. Each field is padded to 4 bytes.</summary>
    /// <exception cref="ArgumentException">There are fewer than two or more than five fields, or more than 64 bytes.</exception>
    public static NftType Concatenation(params ReadOnlySpan<NftType> fields)
    {
        uint number = 0;
        var size = 0;
        foreach (var field in fields)
        {
            number = (number << BitsPerField) | field.Number;
            size += NetlinkHeader.Align(field.Size);
        }

        return fields.Length is >= 2 and <= MaxFields && size <= NfTablesHeader.NFT_DATA_VALUE_MAXLEN
            ? new NftType(number, size, 0, [.. fields])
            : throw new ArgumentException($"a concatenation has 2 to {MaxFields} fields and at most {NfTablesHeader.NFT_DATA_VALUE_MAXLEN} bytes", nameof(fields));
    }

    /// <summary>A type as the kernel tells it, whose fields are not known.</summary>
    internal static NftType FromKernel(uint number, uint size) => new(number, (int)Math.Min(size, int.MaxValue), 0);

    /// <summary>Whether number and size, which are all that the kernel keeps, are the same.</summary>
    public bool Equals(NftType other) => Number == other.Number && Size == other.Size;

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Number, Size);
}
