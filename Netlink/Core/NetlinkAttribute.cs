using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using static ProxyFramework.Netlink.NetlinkHeader;

namespace ProxyFramework.Netlink;

/// <summary>One received attribute (<c>struct nlattr</c>). Valid while the buffer that it lies in is.</summary>
public readonly ref struct NetlinkAttribute
{
    private readonly ushort _type;

    internal NetlinkAttribute(ushort type, ReadOnlySpan<byte> value)
    {
        _type = type;
        Value = value;
    }

    /// <summary>The attribute's number, without the flags <c>NLA_F_NESTED</c> and <c>NLA_F_NET_BYTEORDER</c>.</summary>
    public int Type => _type & NLA_TYPE_MASK;

    /// <summary>The value, without padding.</summary>
    public ReadOnlySpan<byte> Value { get; }

    /// <summary>The attributes inside this one. The kernel does not always set <c>NLA_F_NESTED</c>, so the caller must know.</summary>
    public AttributeReader Nested() => new(Value);

    /// <summary>An 8-bit value.</summary>
    /// <exception cref="NetlinkFormatException">The value has another size.</exception>
    public byte ReadU8() => Sized(1)[0];

    /// <summary>A 16-bit value in host order.</summary>
    /// <inheritdoc cref="ReadU8"/>
    public ushort ReadU16() => MemoryMarshal.Read<ushort>(Sized(2));

    /// <summary>A 32-bit value in host order.</summary>
    /// <inheritdoc cref="ReadU8"/>
    public uint ReadU32() => MemoryMarshal.Read<uint>(Sized(4));

    /// <summary>A 64-bit value in host order.</summary>
    /// <inheritdoc cref="ReadU8"/>
    public ulong ReadU64() => MemoryMarshal.Read<ulong>(Sized(8));

    /// <summary>A 16-bit value in network order.</summary>
    /// <inheritdoc cref="ReadU8"/>
    public ushort ReadU16BigEndian() => BinaryPrimitives.ReadUInt16BigEndian(Sized(2));

    /// <summary>A 32-bit value in network order.</summary>
    /// <inheritdoc cref="ReadU8"/>
    public uint ReadU32BigEndian() => BinaryPrimitives.ReadUInt32BigEndian(Sized(4));

    /// <summary>A 64-bit value in network order.</summary>
    /// <inheritdoc cref="ReadU8"/>
    public ulong ReadU64BigEndian() => BinaryPrimitives.ReadUInt64BigEndian(Sized(8));

    /// <summary>An IPv4 or IPv6 address.</summary>
    /// <exception cref="NetlinkFormatException">The value has neither 4 nor 16 bytes.</exception>
    public InetAddress ReadAddress() => Value.Length is 4 or 16
        ? InetAddress.FromBytes(Value)
        : throw new NetlinkFormatException($"attribute {Type} has {Value.Length} bytes, an address has 4 or 16");

    /// <summary>A string up to its first NUL, or to the end where the kernel sends none. Invalid UTF-8 becomes U+FFFD.</summary>
    public string ReadString() => Encoding.UTF8.GetString(StringBytes());

    /// <summary>The bytes of a string up to its first NUL.</summary>
    public ReadOnlySpan<byte> StringBytes()
    {
        var end = Value.IndexOf((byte)0);
        return end < 0 ? Value : Value[..end];
    }

    private ReadOnlySpan<byte> Sized(int size) => Value.Length == size
        ? Value
        : throw new NetlinkFormatException($"attribute {Type} has {Value.Length} bytes where {size} are due");
}
