using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using static ProxyFramework.Netlink.NetlinkHeader;

namespace ProxyFramework.Netlink;

/// <summary>
/// Writes messages behind each other into one pooled buffer that grows as needed and is kept between uses: nothing is allocated
/// for a message or an attribute. Sequence numbers are filled in when <see cref="NetlinkConnection"/> sends. Not thread-safe.
/// </summary>
public sealed class NetlinkWriter : IDisposable
{
    private byte[] _buffer;
    private int _length;
    private int _messageStart = -1;
    private int _lastMessage;

    /// <summary>An empty writer.</summary>
    /// <param name="capacity">The bytes to begin with.</param>
    public NetlinkWriter(int capacity = 4096) => _buffer = ArrayPool<byte>.Shared.Rent(capacity);

    /// <summary>The number of bytes written.</summary>
    public int Length => _length;

    /// <summary>The number of messages begun.</summary>
    public int MessageCount { get; private set; }

    /// <summary>The bytes of the message that is being written, header included.</summary>
    public int CurrentMessageLength => _messageStart < 0 ? 0 : _length - _messageStart;

    /// <summary>Everything written so far. Not valid any more after the next write.</summary>
    public ReadOnlySpan<byte> Written => _buffer.AsSpan(0, _length);

    internal Span<byte> WrittenForUpdate => _buffer.AsSpan(0, _length);

    /// <summary>Forgets what was written and keeps the buffer.</summary>
    public void Reset()
    {
        _length = 0;
        _messageStart = -1;
        MessageCount = 0;
    }

    /// <summary>Begins a message; the one before it must have ended.</summary>
    /// <param name="type"><c>nlmsg_type</c>.</param>
    /// <param name="flags"><c>nlmsg_flags</c>; <c>NLM_F_REQUEST</c> is added.</param>
    public void BeginMessage(ushort type, ushort flags)
    {
        if (_messageStart >= 0)
        {
            throw new InvalidOperationException("the message before this one has not ended");
        }

        _messageStart = _lastMessage = _length;
        MessageCount++;
        var header = Take(NLMSG_HDRLEN);
        header.Clear();
        MemoryMarshal.Write(header[4..], in type);
        var withRequest = (ushort)(flags | NLM_F_REQUEST);
        MemoryMarshal.Write(header[6..], in withRequest);
    }

    /// <summary>Ends the message and fills in its length.</summary>
    public void EndMessage()
    {
        var length = (uint)(_length - _messageStart);
        MemoryMarshal.Write(_buffer.AsSpan(_messageStart), in length);
        _messageStart = -1;
    }

    /// <summary>Writes the fixed part behind the header, such as <c>struct rtmsg</c>.</summary>
    public void Fixed<T>(in T value)
        where T : unmanaged
    {
        var size = Unsafe.SizeOf<T>();
        var destination = Take(Align(size));
        destination.Clear();
        MemoryMarshal.Write(destination, in value);
    }

    /// <summary>An attribute with these bytes.</summary>
    /// <exception cref="ArgumentOutOfRangeException">They do not fit an attribute's 16-bit length.</exception>
    public void Attribute(ushort type, ReadOnlySpan<byte> value) => value.CopyTo(AttributeSpace(type, value.Length));

    /// <summary>An attribute without a value, whose presence says it all.</summary>
    public void Flag(ushort type) => AttributeSpace(type, 0);

    /// <summary>An 8-bit attribute.</summary>
    public void U8(ushort type, byte value) => AttributeSpace(type, 1)[0] = value;

    /// <summary>A 16-bit attribute in host order.</summary>
    public void U16(ushort type, ushort value) => MemoryMarshal.Write(AttributeSpace(type, 2), in value);

    /// <summary>A 32-bit attribute in host order.</summary>
    public void U32(ushort type, uint value) => MemoryMarshal.Write(AttributeSpace(type, 4), in value);

    /// <summary>A 16-bit attribute in network order.</summary>
    public void U16BigEndian(ushort type, ushort value) => BinaryPrimitives.WriteUInt16BigEndian(AttributeSpace(type, 2), value);

    /// <summary>A 32-bit attribute in network order.</summary>
    public void U32BigEndian(ushort type, uint value) => BinaryPrimitives.WriteUInt32BigEndian(AttributeSpace(type, 4), value);

    /// <summary>A 64-bit attribute in network order.</summary>
    public void U64BigEndian(ushort type, ulong value) => BinaryPrimitives.WriteUInt64BigEndian(AttributeSpace(type, 8), value);

    /// <summary>An address in network order, 4 or 16 bytes.</summary>
    public void Address(ushort type, InetAddress value) => value.WriteBytes(AttributeSpace(type, value.Size));

    /// <summary>A string in UTF-8 with its terminating NUL.</summary>
    public void String(ushort type, ReadOnlySpan<char> value)
    {
        var size = Encoding.UTF8.GetByteCount(value);
        var space = AttributeSpace(type, size + 1);
        Encoding.UTF8.GetBytes(value, space);
        space[size] = 0;
    }

    /// <summary>Begins an attribute that holds others; it ends when the result is disposed of.</summary>
    public NestedAttribute Nested(ushort type) => new(this, BeginNested(type));

    /// <summary>Space for the value of an attribute, to be filled by the caller at once; padding is cleared.</summary>
    public Span<byte> AttributeSpace(ushort type, int length)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, ushort.MaxValue - NLA_HDRLEN);
        var padded = Align(length);
        var space = Take(NLA_HDRLEN + padded);
        var total = (ushort)(NLA_HDRLEN + length);
        MemoryMarshal.Write(space, in total);
        MemoryMarshal.Write(space[2..], in type);
        space[(NLA_HDRLEN + length)..].Clear();
        return space.Slice(NLA_HDRLEN, length);
    }

    /// <summary>Gives the buffer back.</summary>
    public void Dispose()
    {
        if (_buffer.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = [];
        }

        Reset();
    }

    /// <summary>Adds flags to the last message, which must have ended.</summary>
    internal void AddFlagsToLastMessage(ushort flags)
    {
        var at = _lastMessage + 6;
        var all = (ushort)(MemoryMarshal.Read<ushort>(_buffer.AsSpan(at)) | flags);
        MemoryMarshal.Write(_buffer.AsSpan(at), in all);
    }

    internal int BeginNested(ushort type)
    {
        var start = _length;
        AttributeSpace((ushort)(type | NLA_F_NESTED), 0);
        return start;
    }

    internal void EndNested(int start)
    {
        var length = _length - start;
        if (length > ushort.MaxValue)
        {
            throw new InvalidOperationException($"a nested attribute of {length} bytes does not fit its 16-bit length");
        }

        var value = (ushort)length;
        MemoryMarshal.Write(_buffer.AsSpan(start), in value);
    }

    private Span<byte> Take(int size)
    {
        if (_buffer.Length - _length < size)
        {
            Grow(size);
        }

        var space = _buffer.AsSpan(_length, size);
        _length += size;
        return space;
    }

    private void Grow(int size)
    {
        var larger = ArrayPool<byte>.Shared.Rent(Math.Max(checked(_length + size), (int)Math.Min(2L * _buffer.Length, Array.MaxLength)));
        _buffer.AsSpan(0, _length).CopyTo(larger);
        ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = larger;
    }
}
