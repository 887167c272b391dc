using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Numerics;

namespace ProxyFramework.Behaviour.Testbed;

/// <summary>
/// SCTP (RFC 9260) over raw sockets, as many kernels have no SCTP sockets: a client sends an INIT, a pod answers an INIT ACK that
/// carries who it is. That is all that a proxy which translates addresses sees of an association's beginning.
/// </summary>
public static class SctpProbe
{
    private const byte Init = 1; // RFC 9260 §3.2
    private const byte InitAck = 2;
    private const byte Abort = 6;
    private const int HeaderLength = 12;
    private const int FixedInitLength = 20;

    /// <summary>Sends an INIT and waits for the INIT ACK, whose trailing bytes are the server's line.</summary>
    public static async Task<Outcome> AskAsync(Place from, Target target, TimeSpan patience)
    {
        ArgumentNullException.ThrowIfNull(from);
        ArgumentNullException.ThrowIfNull(target);
        var attempt = $"{target} from {from.Name}";
        using var socket = Open(from.Namespace, target.Family);
        socket.Bind(new IPEndPoint(from.Address(target.Family), 0));
        socket.Connect(target.Address, 0);
        var port = (ushort)Random.Shared.Next(32768, 60999);
        using var deadline = new CancellationTokenSource(patience);
        try
        {
            await socket.SendAsync(Packet(port, (ushort)target.Port, 0, Init, []), deadline.Token);
            var buffer = new byte[2048];
            while (true)
            {
                var count = await socket.ReceiveAsync(buffer, deadline.Token);
                var packet = Payload(buffer.AsMemory(0, count), target.Family);
                if (packet.Length < HeaderLength + 4 || BinaryPrimitives.ReadUInt16BigEndian(packet.Span[2..]) != port)
                {
                    continue;
                }

                return packet.Span[HeaderLength] == InitAck
                    ? Outcome.Parse(System.Text.Encoding.ASCII.GetString(packet.Span[(HeaderLength + FixedInitLength)..]).TrimEnd('\0'), attempt)
                    : Outcome.Of(packet.Span[HeaderLength] == Abort ? OutcomeKind.Refused : OutcomeKind.Closed, attempt);
            }
        }
        catch (OperationCanceledException)
        {
            return Outcome.Of(OutcomeKind.Silent, attempt);
        }
        catch (SocketException exception)
        {
            return exception.SocketErrorCode == SocketError.ProtocolOption // ICMP port unreachable, as raw sockets get it
                ? Outcome.Of(OutcomeKind.Refused, attempt)
                : Outcome.Of(exception, attempt);
        }
    }

    /// <summary>Answers INITs that arrive at a pod until cancelled.</summary>
    public static async Task ServeAsync(Pod pod, Family family, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(pod);
        using var socket = Open(pod.Namespace, family);
        socket.Bind(new IPEndPoint(pod.Address(family), 0));
        var buffer = new byte[2048];
        var any = new IPEndPoint(family == Family.IPv4 ? IPAddress.Any : IPAddress.IPv6Any, 0);
        while (!cancellationToken.IsCancellationRequested)
        {
            var received = await socket.ReceiveFromAsync(buffer, any, cancellationToken);
            var packet = Payload(buffer.AsMemory(0, received.ReceivedBytes), family);
            if (packet.Length < HeaderLength + FixedInitLength || packet.Span[HeaderLength] != Init || !HasValidChecksum(packet.Span))
            {
                continue;
            }

            var peer = new IPEndPoint(((IPEndPoint)received.RemoteEndPoint).Address, BinaryPrimitives.ReadUInt16BigEndian(packet.Span));
            var local = new IPEndPoint(pod.Address(family), BinaryPrimitives.ReadUInt16BigEndian(packet.Span[2..]));
            var line = System.Text.Encoding.ASCII.GetBytes($"{pod.Name} {local} {peer}");
            var tag = BinaryPrimitives.ReadUInt32BigEndian(packet.Span[(HeaderLength + 4)..]);
            var answer = Packet((ushort)local.Port, (ushort)peer.Port, tag, InitAck, line);
            await socket.SendToAsync(answer, new IPEndPoint(peer.Address, 0), cancellationToken);
        }
    }

    private static Socket Open(NetworkNamespace ns, Family family) => ns.Run(() =>
    {
        var fd = Native.socket(
            family == Family.IPv4 ? Native.AF_INET : Native.AF_INET6, Native.SOCK_RAW | Native.SOCK_CLOEXEC, Native.IPPROTO_SCTP);
        return fd >= 0
            ? new Socket(new SafeSocketHandle(fd, ownsHandle: true))
            : throw new InvalidOperationException("no raw socket", new System.ComponentModel.Win32Exception());
    });

    /// <summary>Raw IPv4 sockets receive the IP header too, IPv6 ones do not (RFC 3542 §3).</summary>
    private static Memory<byte> Payload(Memory<byte> received, Family family) =>
        family == Family.IPv4 ? received[((received.Span[0] & 0xF) * 4)..] : received;

    private static byte[] Packet(ushort source, ushort destination, uint tag, byte chunk, ReadOnlySpan<byte> parameters)
    {
        var padded = (parameters.Length + 3) & ~3;
        var packet = new byte[HeaderLength + FixedInitLength + padded];
        var span = packet.AsSpan();
        BinaryPrimitives.WriteUInt16BigEndian(span, source);
        BinaryPrimitives.WriteUInt16BigEndian(span[2..], destination);
        BinaryPrimitives.WriteUInt32BigEndian(span[4..], tag);
        span[HeaderLength] = chunk;
        BinaryPrimitives.WriteUInt16BigEndian(span[(HeaderLength + 2)..], (ushort)(FixedInitLength + padded));
        BinaryPrimitives.WriteUInt32BigEndian(span[(HeaderLength + 4)..], (uint)Random.Shared.Next(1, int.MaxValue)); // initiate tag
        BinaryPrimitives.WriteUInt32BigEndian(span[(HeaderLength + 8)..], 65536); // advertised receiver window
        BinaryPrimitives.WriteUInt16BigEndian(span[(HeaderLength + 12)..], 1); // outbound streams
        BinaryPrimitives.WriteUInt16BigEndian(span[(HeaderLength + 14)..], 1); // inbound streams
        BinaryPrimitives.WriteUInt32BigEndian(span[(HeaderLength + 16)..], 1); // initial TSN
        parameters.CopyTo(span[(HeaderLength + FixedInitLength)..]);
        BinaryPrimitives.WriteUInt32LittleEndian(span[8..], Checksum(span));
        return packet;
    }

    private static bool HasValidChecksum(ReadOnlySpan<byte> packet)
    {
        var copy = packet.ToArray();
        copy.AsSpan(8, 4).Clear();
        return BinaryPrimitives.ReadUInt32LittleEndian(packet[8..]) == Checksum(copy);
    }

    /// <summary>CRC32c over the packet with a checksum of zero (RFC 9260 §6.8 and appendix A).</summary>
    private static uint Checksum(ReadOnlySpan<byte> packet)
    {
        var crc = uint.MaxValue;
        foreach (var value in packet)
        {
            crc = BitOperations.Crc32C(crc, value);
        }

        return ~crc;
    }
}
