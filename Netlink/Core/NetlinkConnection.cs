using System.Buffers;
using System.Collections.Immutable;
using System.Runtime.InteropServices;
using static ProxyFramework.Netlink.NetlinkHeader;

namespace ProxyFramework.Netlink;

/// <summary>
/// Requests and their answers over one netlink socket: sequence numbers, acknowledgements with the kernel's own text, dumps that
/// begin again when the kernel says that they are inconsistent. The kernel works a request off while it is sent, so calls are
/// synchronous. Not thread-safe: one caller at a time.
/// </summary>
public sealed class NetlinkConnection : IDisposable
{
    /// <summary>Messages a send. Each refused one answers with a buffer of its own, and all answers must fit the receive buffer.</summary>
    private const int MaxMessages = 1024;

    /// <summary>Bytes a send, where the messages need not stay together.</summary>
    private const int MaxBytes = 512 << 10;

    private const int MaxDumpAttempts = 20;

    private readonly INetlinkTransport _transport;
    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(128 << 10);
    private uint _sequence;

    internal NetlinkConnection(NetlinkProtocol protocol, INetlinkTransport transport)
    {
        Protocol = protocol;
        _transport = transport;
        _sequence = (uint)Environment.TickCount64;
    }

    /// <summary>The netlink family.</summary>
    public NetlinkProtocol Protocol { get; }

    /// <summary>The netlink port of the socket; notifications that it caused carry it.</summary>
    public uint PortId => (_transport as NetlinkSocket)?.PortId ?? 0;

    /// <summary>Opens a connection in the network namespace of the calling thread.</summary>
    /// <exception cref="NetlinkException">A system call failed.</exception>
    public static NetlinkConnection Open(NetlinkProtocol protocol) => new(protocol, NetlinkSocket.Open(protocol));

    /// <summary>Sends all messages, many a system call, and throws for the first that was refused. The others are carried out all the same.</summary>
    /// <exception cref="NetlinkException">A message was refused, or the socket failed.</exception>
    public void Execute(NetlinkWriter requests)
    {
        var errors = TryExecute(requests);
        if (!errors.IsEmpty)
        {
            throw new NetlinkException(errors[0]);
        }
    }

    /// <summary>Sends all messages, many a system call.</summary>
    /// <returns>Those that were refused, in order; the others are carried out.</returns>
    /// <exception cref="NetlinkException">The socket failed.</exception>
    public ImmutableArray<NetlinkError> TryExecute(NetlinkWriter requests) => TryExecute(requests, null);

    /// <inheritdoc cref="TryExecute(NetlinkWriter)"/>
    /// <param name="requests">The messages.</param>
    /// <param name="reply">Takes what they are answered with, other than acknowledgements.</param>
    internal ImmutableArray<NetlinkError> TryExecute(NetlinkWriter requests, NetlinkReply? reply)
    {
        ArgumentNullException.ThrowIfNull(requests);
        ImmutableArray<NetlinkError>.Builder? errors = null;
        var rest = requests.WrittenForUpdate;
        var index = 0;
        while (!rest.IsEmpty)
        {
            var (length, count) = TakePart(rest);
            var first = _sequence + 1;
            Number(rest[..length], acknowledgeLast: true);
            _transport.Send(rest[..length]);
            AwaitAcknowledgement(first, _sequence, index, rest[..length], isTransaction: false, reply, ref errors);
            rest = rest[length..];
            index += count;
        }

        return errors?.ToImmutable() ?? [];
    }

    /// <summary>
    /// Sends all messages in one system call, for protocols that take them as one transaction. The messages whose flags ask for an
    /// acknowledgement and those that are refused are answered; the last one that asks ends the exchange.
    /// </summary>
    /// <param name="transaction">The messages.</param>
    /// <param name="lastAcknowledged">The position of the last message that carries <c>NLM_F_ACK</c>.</param>
    /// <exception cref="NetlinkException">The socket failed.</exception>
    internal ImmutableArray<NetlinkError> TryExecuteTransaction(NetlinkWriter transaction, int lastAcknowledged)
    {
        ImmutableArray<NetlinkError>.Builder? errors = null;
        var messages = transaction.WrittenForUpdate;
        var first = _sequence + 1;
        Number(messages, acknowledgeLast: false);
        _transport.Send(messages);
        AwaitAcknowledgement(first, first + (uint)lastAcknowledged, 0, messages, isTransaction: true, null, ref errors);
        return errors?.ToImmutable() ?? [];
    }

    /// <summary>Sends one request and returns what it is answered with, other than acknowledgements.</summary>
    /// <exception cref="NetlinkException">The request was refused, or the socket failed.</exception>
    public List<T> Query<T>(NetlinkWriter request, NetlinkParser<T> parser)
    {
        ArgumentNullException.ThrowIfNull(request);
        ArgumentNullException.ThrowIfNull(parser);
        var messages = request.WrittenForUpdate;
        Number(messages, acknowledgeLast: true);
        _transport.Send(messages);
        var items = new List<T>();
        NetlinkError? refused;
        while (!ReceiveAnswers(messages, parser, items, out refused, out _))
        {
        }

        return refused is null ? items : throw new NetlinkException(refused);
    }

    /// <summary>Sends one dump request (<c>NLM_F_DUMP</c> is added) and returns all that it is answered with.</summary>
    /// <remarks>Where the kernel marks the dump as inconsistent (<c>NLM_F_DUMP_INTR</c>), it begins again.</remarks>
    /// <exception cref="NetlinkException">The request was refused, the socket failed, or what is dumped does not stand still (<c>EINTR</c>).</exception>
    public List<T> Dump<T>(NetlinkWriter request, NetlinkParser<T> parser) => Dump(request, parser, static () => { }, static () => true);

    /// <inheritdoc cref="Dump{T}(NetlinkWriter, NetlinkParser{T})"/>
    /// <param name="request">The request.</param>
    /// <param name="parser">Makes objects of messages.</param>
    /// <param name="begin">Called before each attempt, for a parser that keeps something itself.</param>
    /// <param name="isComplete">Whether what came makes sense; where not, the dump begins again after a moment.</param>
    internal List<T> Dump<T>(NetlinkWriter request, NetlinkParser<T> parser, Action begin, Func<bool> isComplete)
    {
        ArgumentNullException.ThrowIfNull(request);
        ArgumentNullException.ThrowIfNull(parser);
        var message = request.WrittenForUpdate;
        var flags = (ushort)(MemoryMarshal.Read<ushort>(message[6..]) | NLM_F_DUMP);
        MemoryMarshal.Write(message[6..], in flags);
        var items = new List<T>();
        for (var attempt = 0; attempt < MaxDumpAttempts; attempt++)
        {
            items.Clear();
            begin();
            Number(message, acknowledgeLast: false);
            _transport.Send(message);
            var interrupted = false;
            NetlinkError? refused;
            bool done;
            try
            {
                do
                {
                    done = ReceiveAnswers(message, parser, items, out refused, out var inconsistent);
                    interrupted |= inconsistent;
                }
                while (!done);
            }
            catch
            {
                SkipAnswers();
                throw;
            }

            if (refused is not null && refused.Errno is not (Errno.EINTR or Errno.EAGAIN))
            {
                throw new NetlinkException(refused);
            }

            if (!interrupted && refused is null)
            {
                if (isComplete())
                {
                    return items;
                }

                Thread.Sleep(attempt + 1);
            }
        }

        throw new NetlinkException(new NetlinkError
        {
            MessageIndex = 0,
            Request = Name(message),
            Errno = Errno.EINTR,
            KernelText = $"what is dumped changed during each of {MaxDumpAttempts} attempts",
        });
    }

    /// <summary>Closes the socket.</summary>
    public void Dispose()
    {
        _transport.Dispose();
        if (_buffer.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = [];
        }
    }

    /// <summary>For tests: the sequence number that the next message gets.</summary>
    internal void SetNextSequence(uint sequence) => _sequence = sequence - 1;

    /// <summary>As many whole messages from the front as one send may have, at least one.</summary>
    private static (int Length, int Count) TakePart(ReadOnlySpan<byte> messages)
    {
        var length = 0;
        var count = 0;
        while (length < messages.Length && count < MaxMessages)
        {
            var next = Align(MemoryMarshal.Read<int>(messages[length..]));
            if (count > 0 && length + next > MaxBytes)
            {
                break;
            }

            length += next;
            count++;
        }

        return (length, count);
    }

    /// <summary>Gives each message the next sequence number.</summary>
    private void Number(Span<byte> messages, bool acknowledgeLast)
    {
        while (!messages.IsEmpty)
        {
            var length = Align(MemoryMarshal.Read<int>(messages));
            _sequence++;
            MemoryMarshal.Write(messages[8..], in _sequence);
            if (acknowledgeLast && length == messages.Length)
            {
                var flags = (ushort)(MemoryMarshal.Read<ushort>(messages[6..]) | NLM_F_ACK);
                MemoryMarshal.Write(messages[6..], in flags);
            }

            messages = messages[length..];
        }
    }

    private void AwaitAcknowledgement(
        uint first,
        uint last,
        int firstIndex,
        ReadOnlySpan<byte> sent,
        bool isTransaction,
        NetlinkReply? reply,
        ref ImmutableArray<NetlinkError>.Builder? errors)
    {
        var acknowledged = false;
        while (!acknowledged)
        {
            int received;
            try
            {
                received = _transport.Receive(_buffer, wait: true);
            }
            catch (NetlinkException overrun) when (overrun.ErrorNumber == Errno.ENOBUFS)
            {
                // Answers are lost, the last one perhaps among them: what is still there says what it can, and the rest is unknown.
                (errors ??= ImmutableArray.CreateBuilder<NetlinkError>()).Add(new NetlinkError
                {
                    MessageIndex = firstIndex,
                    Request = Name(sent),
                    Errno = Errno.ENOBUFS,
                    KernelText = "the receive buffer ran over, answers to some messages are lost",
                });
                received = _transport.Receive(_buffer, wait: false);
                acknowledged = received == 0;
            }

            var reader = new NetlinkReader(_buffer.AsSpan(0, received));
            while (reader.TryRead(out var message))
            {
                // What is older answers a request that was given up.
                var position = message.Sequence - first;
                if (position > last - first)
                {
                    continue;
                }

                if (message.Type != NLMSG_ERROR)
                {
                    reply?.Invoke(message);
                    continue;
                }

                // A batch as a whole is refused in its first message's name; nothing else is answered then.
                acknowledged |= message.Sequence == last || (isTransaction && position == 0);
                if (ReadError(message, firstIndex + (int)position, sent, (int)position) is { } error)
                {
                    (errors ??= ImmutableArray.CreateBuilder<NetlinkError>()).Add(error);
                }
            }
        }
    }

    /// <summary>Receives once.</summary>
    /// <returns>Whether the answer is complete.</returns>
    private bool ReceiveAnswers<T>(
        ReadOnlySpan<byte> request, NetlinkParser<T> parser, List<T> items, out NetlinkError? refused, out bool inconsistent)
    {
        inconsistent = false;
        refused = null;
        var done = false;
        var reader = new NetlinkReader(_buffer.AsSpan(0, _transport.Receive(_buffer, wait: true)));
        while (reader.TryRead(out var message))
        {
            if (message.Sequence != _sequence)
            {
                continue;
            }

            inconsistent |= (message.Flags & NLM_F_DUMP_INTR) != 0;
            switch (message.Type)
            {
                case NLMSG_NOOP:
                    break;
                case NLMSG_ERROR or NLMSG_DONE:
                    refused ??= ReadError(message, 0, request, 0);
                    done = true;
                    break;
                default:
                    if (parser(message, out var item))
                    {
                        items.Add(item);
                    }

                    break;
            }
        }

        return done;
    }

    /// <summary>
    /// Takes the rest of a dump whose reader gave up, for the kernel refuses another one (<c>EBUSY</c>) as long as there is some.
    /// Each receive call makes the kernel queue the next part, so none is waited for.
    /// </summary>
    private void SkipAnswers()
    {
        try
        {
            while (_transport.Receive(_buffer, wait: false) > 0)
            {
            }
        }
        catch (Exception exception) when (exception is NetlinkException or NetlinkFormatException)
        {
            // The failure that is being reported is the first one.
        }
    }

    /// <summary>Reads <c>struct nlmsgerr</c>, or the same without a copied header in <c>NLMSG_DONE</c>.</summary>
    private NetlinkError? ReadError(NetlinkMessage message, int index, ReadOnlySpan<byte> sent, int position)
    {
        // NLMSG_DONE of the oldest kernels has no payload.
        if (message.Type == NLMSG_DONE && message.Payload.Length < 4)
        {
            return null;
        }

        var errno = -MemoryMarshal.Read<int>(message.Fixed(4));
        if (errno == 0)
        {
            return null;
        }

        string? text = null;
        int? offset = null;
        int? missing = null;
        if ((message.Flags & NLM_F_ACK_TLVS) != 0)
        {
            var fixedLength = 4;
            if (message.Type == NLMSG_ERROR)
            {
                fixedLength += NLMSG_HDRLEN;
                var copied = MemoryMarshal.Read<uint>(message.Fixed(fixedLength)[4..]);
                if ((message.Flags & NLM_F_CAPPED) == 0 && copied > NLMSG_HDRLEN)
                {
                    fixedLength += (int)Math.Min(copied - NLMSG_HDRLEN, int.MaxValue / 2);
                }
            }

            var attributes = message.Attributes(fixedLength);
            while (attributes.TryRead(out var attribute))
            {
                switch (attribute.Type)
                {
                    case NLMSGERR_ATTR_MSG:
                        text = attribute.ReadString();
                        break;
                    case NLMSGERR_ATTR_OFFS:
                        offset = (int)attribute.ReadU32();
                        break;
                    case NLMSGERR_ATTR_MISS_TYPE:
                        missing = (int)attribute.ReadU32();
                        break;
                }
            }
        }

        return new NetlinkError
        {
            MessageIndex = index,
            Request = Name(Skip(sent, position)),
            Errno = errno,
            KernelText = text,
            Offset = offset,
            MissingAttribute = missing,
        };
    }

    private static ReadOnlySpan<byte> Skip(ReadOnlySpan<byte> messages, int count)
    {
        for (; count > 0; count--)
        {
            messages = messages[Align(MemoryMarshal.Read<int>(messages))..];
        }

        return messages;
    }

    private string Name(ReadOnlySpan<byte> message) => NetlinkMessageNames.Name(
        Protocol, MemoryMarshal.Read<ushort>(message[4..]), message[NLMSG_HDRLEN..Math.Min(message.Length, MemoryMarshal.Read<int>(message))]);
}
