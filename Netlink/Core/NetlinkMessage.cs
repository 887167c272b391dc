namespace ProxyFramework.Netlink;

/// <summary>One received message: <c>struct nlmsghdr</c> and what follows it. Valid while the buffer that it lies in is.</summary>
public readonly ref struct NetlinkMessage
{
    internal NetlinkMessage(ushort type, ushort flags, uint sequence, uint portId, ReadOnlySpan<byte> payload)
    {
        Type = type;
        Flags = flags;
        Sequence = sequence;
        PortId = portId;
        Payload = payload;
    }

    /// <summary><c>nlmsg_type</c>.</summary>
    public ushort Type { get; }

    /// <summary><c>nlmsg_flags</c>.</summary>
    public ushort Flags { get; }

    /// <summary><c>nlmsg_seq</c>: that of the request which this answers; for a notification, of whoever caused it.</summary>
    public uint Sequence { get; }

    /// <summary><c>nlmsg_pid</c>: the netlink port of the socket that caused it, 0 for the kernel.</summary>
    public uint PortId { get; }

    /// <summary>Everything after the header.</summary>
    public ReadOnlySpan<byte> Payload { get; }

    /// <summary>The attributes behind a fixed part of <paramref name="fixedLength"/> bytes.</summary>
    /// <exception cref="NetlinkFormatException">The message is shorter than its fixed part.</exception>
    public AttributeReader Attributes(int fixedLength)
    {
        var start = NetlinkHeader.Align(fixedLength);
        return Payload.Length >= start
            ? new AttributeReader(Payload[start..])
            : throw new NetlinkFormatException($"message of type {Type} has {Payload.Length} bytes, its fixed part alone has {fixedLength}");
    }

    /// <summary>The fixed part of a message: its first <paramref name="length"/> bytes.</summary>
    /// <exception cref="NetlinkFormatException">The message is shorter.</exception>
    public ReadOnlySpan<byte> Fixed(int length) => Payload.Length >= length
        ? Payload[..length]
        : throw new NetlinkFormatException($"message of type {Type} has {Payload.Length} bytes, its fixed part alone has {length}");
}
