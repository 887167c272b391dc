using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace ProxyFramework;

/// <summary>
/// An IPv4 or IPv6 address as a 16-byte value. The framework holds hundreds of thousands of them, so it is a struct without
/// references, where <see cref="IPAddress"/> is an object. IPv4 is kept in its IPv4-mapped form (RFC 4291 §2.5.5.2), so
/// <c>::ffff:192.0.2.1</c> and <c>192.0.2.1</c> are the same address, as they are to the Kubernetes API.
/// The default value is the IPv6 unspecified address, <c>::</c>.
/// </summary>
public readonly struct InetAddress : IEquatable<InetAddress>, IComparable<InetAddress>, ISpanFormattable
{
    private const ulong MappedPrefix = 0x0000_FFFF_0000_0000;

    private readonly ulong _high;
    private readonly ulong _low;

    private InetAddress(ulong high, ulong low)
    {
        _high = high;
        _low = low;
    }

    /// <summary><c>0.0.0.0</c>.</summary>
    public static InetAddress IPv4Any => new(0, MappedPrefix);

    /// <summary><c>::</c>.</summary>
    public static InetAddress IPv6Any => default;

    /// <summary>The family of this address.</summary>
    public IPFamily Family => IsIPv4 ? IPFamily.IPv4 : IPFamily.IPv6;

    /// <summary>Whether this is an IPv4 address.</summary>
    public bool IsIPv4 => _high == 0 && (_low & 0xFFFF_FFFF_0000_0000) == MappedPrefix;

    /// <summary>Whether this is <c>0.0.0.0</c> or <c>::</c>.</summary>
    public bool IsUnspecified => _high == 0 && (_low == 0 || _low == MappedPrefix);

    /// <summary>Whether this is in <c>127.0.0.0/8</c> or is <c>::1</c>.</summary>
    public bool IsLoopback => IsIPv4 ? (uint)_low >> 24 == 127 : _high == 0 && _low == 1;

    /// <summary>Whether this is in <c>169.254.0.0/16</c> or <c>fe80::/10</c>.</summary>
    public bool IsLinkLocal => IsIPv4 ? (uint)_low >> 16 == 0xA9FE : _high >> 54 == 0xFE80 >> 6;

    /// <summary>Whether this is in <c>224.0.0.0/4</c> or <c>ff00::/8</c>.</summary>
    public bool IsMulticast => IsIPv4 ? (uint)_low >> 28 == 0xE : _high >> 56 == 0xFF;

    /// <summary>The number of bytes on the wire: 4 or 16.</summary>
    public int Size => IsIPv4 ? 4 : 16;

    /// <summary>The number of bits of an address of this family: 32 or 128.</summary>
    public int BitLength => IsIPv4 ? 32 : 128;

    /// <summary><c>0.0.0.0</c> or <c>::</c>.</summary>
    public static InetAddress Any(IPFamily family) => family == IPFamily.IPv4 ? IPv4Any : IPv6Any;

    /// <summary>An IPv4 address from its 32 bits as a number, <c>0x7F000001</c> for <c>127.0.0.1</c>.</summary>
    public static InetAddress FromIPv4(uint value) => new(0, MappedPrefix | value);

    /// <summary>An address from its bytes in network order.</summary>
    /// <exception cref="ArgumentException">There are neither 4 nor 16 bytes.</exception>
    public static InetAddress FromBytes(ReadOnlySpan<byte> bytes) => bytes.Length switch
    {
        4 => FromIPv4(BinaryPrimitives.ReadUInt32BigEndian(bytes)),
        16 => new(BinaryPrimitives.ReadUInt64BigEndian(bytes), BinaryPrimitives.ReadUInt64BigEndian(bytes[8..])),
        _ => throw new ArgumentException($"an IP address has 4 or 16 bytes, not {bytes.Length}", nameof(bytes)),
    };

    /// <summary>The same address without the scope that an <see cref="IPAddress"/> can carry.</summary>
    public static InetAddress FromIPAddress(IPAddress address)
    {
        ArgumentNullException.ThrowIfNull(address);
        Span<byte> bytes = stackalloc byte[16];
        address.TryWriteBytes(bytes, out var written);
        return FromBytes(bytes[..written]);
    }

    /// <summary>
    /// Reads an address as the Kubernetes API does: IPv4 as exactly four decimal numbers (leading zeros are decimal, as in
    /// <c>k8s.io/utils/net.ParseIPSloppy</c>), IPv6 without zone or brackets.
    /// </summary>
    public static bool TryParse(ReadOnlySpan<char> text, out InetAddress address)
    {
        address = default;
        if (!text.Contains(':'))
        {
            return TryParseIPv4(text, out address);
        }

        if (text.ContainsAny("%[]/") || !IPAddress.TryParse(text, out var parsed) || parsed.AddressFamily != AddressFamily.InterNetworkV6)
        {
            return false;
        }

        address = FromIPAddress(parsed);
        return true;
    }

    /// <inheritdoc cref="TryParse"/>
    /// <exception cref="FormatException"><paramref name="text"/> is not an IP address.</exception>
    public static InetAddress Parse(ReadOnlySpan<char> text) =>
        TryParse(text, out var address) ? address : throw new FormatException($"'{text}' is not an IP address");

    /// <summary>The same address as an object of the framework class library.</summary>
    public IPAddress ToIPAddress()
    {
        Span<byte> bytes = stackalloc byte[16];
        return new IPAddress(bytes[..WriteBytes(bytes)]);
    }

    /// <summary>Writes the address in network order.</summary>
    /// <returns>The number of bytes written, <see cref="Size"/>.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="destination"/> is too short.</exception>
    public int WriteBytes(Span<byte> destination)
    {
        if (IsIPv4)
        {
            BinaryPrimitives.WriteUInt32BigEndian(destination, (uint)_low);
            return 4;
        }

        BinaryPrimitives.WriteUInt64BigEndian(destination, _high);
        BinaryPrimitives.WriteUInt64BigEndian(destination[8..], _low);
        return 16;
    }

    /// <summary>The address with all bits after the first <paramref name="length"/> cleared.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="length"/> is not in 0…<see cref="BitLength"/>.</exception>
    public InetAddress Mask(int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, BitLength);
        var bits = IsIPv4 ? length + 96 : length;
        return bits >= 64
            ? new InetAddress(_high, bits == 64 ? 0 : _low & (ulong.MaxValue << (128 - bits)))
            : new InetAddress(bits == 0 ? 0 : _high & (ulong.MaxValue << (64 - bits)), 0);
    }

    /// <inheritdoc/>
    public bool Equals(InetAddress other) => _high == other._high && _low == other._low;

    /// <inheritdoc/>
    public override bool Equals([NotNullWhen(true)] object? obj) => obj is InetAddress other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(_high, _low);

    /// <summary>Orders IPv4 and IPv6 addresses by their 128 bits.</summary>
    public int CompareTo(InetAddress other) => _high != other._high ? _high.CompareTo(other._high) : _low.CompareTo(other._low);

    /// <summary>The address in its usual form (RFC 5952 for IPv6).</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{this}");

    /// <inheritdoc/>
    public string ToString(string? format, IFormatProvider? formatProvider) => ToString();

    /// <inheritdoc/>
    public bool TryFormat(Span<char> destination, out int charsWritten, ReadOnlySpan<char> format, IFormatProvider? provider)
    {
        if (!IsIPv4)
        {
            return ToIPAddress().TryFormat(destination, out charsWritten);
        }

        var value = (uint)_low;
        return destination.TryWrite(
            CultureInfo.InvariantCulture,
            $"{value >> 24}.{(value >> 16) & 0xFF}.{(value >> 8) & 0xFF}.{value & 0xFF}",
            out charsWritten);
    }

    /// <summary>Whether two addresses are the same.</summary>
    public static bool operator ==(InetAddress left, InetAddress right) => left.Equals(right);

    /// <summary>Whether two addresses differ.</summary>
    public static bool operator !=(InetAddress left, InetAddress right) => !left.Equals(right);

    /// <summary>Whether the left address comes first.</summary>
    public static bool operator <(InetAddress left, InetAddress right) => left.CompareTo(right) < 0;

    /// <summary>Whether the left address comes first or is the same.</summary>
    public static bool operator <=(InetAddress left, InetAddress right) => left.CompareTo(right) <= 0;

    /// <summary>Whether the left address comes last.</summary>
    public static bool operator >(InetAddress left, InetAddress right) => left.CompareTo(right) > 0;

    /// <summary>Whether the left address comes last or is the same.</summary>
    public static bool operator >=(InetAddress left, InetAddress right) => left.CompareTo(right) >= 0;

    private static bool TryParseIPv4(ReadOnlySpan<char> text, out InetAddress address)
    {
        address = default;
        var value = 0u;
        for (var parts = 1; parts <= 4; parts++)
        {
            var dot = text.IndexOf('.');
            if ((dot < 0) != (parts == 4))
            {
                return false;
            }

            var part = dot < 0 ? text : text[..dot];
            text = text[(dot + 1)..];
            if (part.IsEmpty || part.ContainsAnyExceptInRange('0', '9')
                || !uint.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out var number) || number > 255)
            {
                return false;
            }

            value = (value << 8) | number;
        }

        address = FromIPv4(value);
        return true;
    }
}
