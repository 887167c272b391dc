using System.Runtime.InteropServices;
using static ProxyFramework.Netlink.NetlinkHeader;

namespace ProxyFramework.Netlink;

/// <summary>Walks over the attributes (<c>struct nlattr</c>) of a message or of a nested attribute, with the checks of <see cref="NetlinkReader"/>.</summary>
public ref struct AttributeReader
{
    private ReadOnlySpan<byte> _rest;

    /// <summary>A reader of attributes that lie behind each other.</summary>
    public AttributeReader(ReadOnlySpan<byte> attributes) => _rest = attributes;

    /// <summary>Takes the next attribute.</summary>
    /// <returns>False at the end.</returns>
    /// <exception cref="NetlinkFormatException">The rest is not a well-formed attribute.</exception>
    public bool TryRead(out NetlinkAttribute attribute)
    {
        attribute = default;
        if (_rest.IsEmpty)
        {
            return false;
        }

        if (_rest.Length < NLA_HDRLEN)
        {
            throw new NetlinkFormatException($"{_rest.Length} bytes are left, an attribute header has {NLA_HDRLEN}");
        }

        var length = MemoryMarshal.Read<ushort>(_rest);
        if (length < NLA_HDRLEN || length > _rest.Length)
        {
            throw new NetlinkFormatException($"attribute length {length} is not in {NLA_HDRLEN}…{_rest.Length}");
        }

        attribute = new NetlinkAttribute(MemoryMarshal.Read<ushort>(_rest[2..]), _rest[NLA_HDRLEN..length]);
        _rest = _rest[Math.Min(Align(length), _rest.Length)..];
        return true;
    }
}
