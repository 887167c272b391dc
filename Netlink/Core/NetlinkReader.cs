using System.Runtime.InteropServices;
using static ProxyFramework.Netlink.NetlinkHeader;

namespace ProxyFramework.Netlink;

/// <summary>
/// Walks over the messages that one receive call returned. Every length is checked before it is used, and every step moves
/// forward, so no input makes it read outside or go round for ever: it either yields a message or throws
/// <see cref="NetlinkFormatException"/>.
/// </summary>
public ref struct NetlinkReader
{
    private ReadOnlySpan<byte> _rest;

    /// <summary>A reader of what was received.</summary>
    public NetlinkReader(ReadOnlySpan<byte> received) => _rest = received;

    /// <summary>Takes the next message.</summary>
    /// <returns>False at the end.</returns>
    /// <exception cref="NetlinkFormatException">The rest is not a well-formed message.</exception>
    public bool TryRead(out NetlinkMessage message)
    {
        message = default;
        if (_rest.IsEmpty)
        {
            return false;
        }

        if (_rest.Length < NLMSG_HDRLEN)
        {
            throw new NetlinkFormatException($"{_rest.Length} bytes are left, a message header has {NLMSG_HDRLEN}");
        }

        var length = MemoryMarshal.Read<uint>(_rest);
        if (length < NLMSG_HDRLEN || length > (uint)_rest.Length)
        {
            throw new NetlinkFormatException($"message length {length} is not in {NLMSG_HDRLEN}…{_rest.Length}");
        }

        message = new NetlinkMessage(
            MemoryMarshal.Read<ushort>(_rest[4..]),
            MemoryMarshal.Read<ushort>(_rest[6..]),
            MemoryMarshal.Read<uint>(_rest[8..]),
            MemoryMarshal.Read<uint>(_rest[12..]),
            _rest[NLMSG_HDRLEN..(int)length]);

        // The last message need not be padded.
        _rest = _rest[Math.Min(Align((int)length), _rest.Length)..];
        return true;
    }
}
