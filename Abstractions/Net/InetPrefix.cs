using System.Globalization;

namespace ProxyFramework;

/// <summary>A range of addresses in CIDR notation (RFC 4632, RFC 4291 §2.3). Host bits are cleared.</summary>
public readonly record struct InetPrefix
{
    /// <summary>The range of all addresses that share the first <paramref name="length"/> bits of <paramref name="address"/>.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="length"/> is not in 0…32 or 0…128.</exception>
    public InetPrefix(InetAddress address, int length)
    {
        Address = address.Mask(length);
        Length = (byte)length;
    }

    /// <summary>The first address of the range.</summary>
    public InetAddress Address { get; }

    /// <summary>The number of leading bits that all addresses of the range share: 0…32 or 0…128.</summary>
    public byte Length { get; }

    /// <summary>The family of the addresses.</summary>
    public IPFamily Family => Address.Family;

    /// <summary>The range that holds just this address.</summary>
    public static InetPrefix Single(InetAddress address) => new(address, address.BitLength);

    /// <summary>Reads <c>address/length</c>. Host bits may be set, as the Kubernetes API allows; they are cleared.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out InetPrefix prefix)
    {
        prefix = default;
        var slash = text.IndexOf('/');
        if (slash < 0
            || !InetAddress.TryParse(text[..slash], out var address)
            || !int.TryParse(text[(slash + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out var length)
            || length > address.BitLength)
        {
            return false;
        }

        prefix = new InetPrefix(address, length);
        return true;
    }

    /// <inheritdoc cref="TryParse"/>
    /// <exception cref="FormatException"><paramref name="text"/> is not in CIDR notation.</exception>
    public static InetPrefix Parse(ReadOnlySpan<char> text) =>
        TryParse(text, out var prefix) ? prefix : throw new FormatException($"'{text}' is not a range of addresses in CIDR notation");

    /// <summary>Whether <paramref name="address"/> is of this family and in this range.</summary>
    public bool Contains(InetAddress address) => address.Family == Family && address.Mask(Length) == Address;

    /// <summary><c>address/length</c>.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Address}/{Length}");
}
