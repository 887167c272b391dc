using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace ProxyFramework.Backends.Userspace;

/// <summary>The version of the PROXY protocol that a Service asks for.</summary>
internal enum ProxyProtocolVersion : byte
{
    /// <summary>None.</summary>
    None,

    /// <summary>The human-readable header, <c>v1</c>.</summary>
    V1,

    /// <summary>The binary header, <c>v2</c>.</summary>
    V2,
}

/// <summary>
/// The header that tells an endpoint who the client is (HAProxy's <c>doc/proxy-protocol.txt</c>, sections 2.1 and 2.2), sent
/// before the first byte of the client.
/// </summary>
internal static class ProxyHeader
{
    /// <summary>The longest header of either version: a v1 line has 107 bytes at most.</summary>
    public const int MaxLength = 107;

    private static ReadOnlySpan<byte> Signature => "\r\n\r\n\0\r\nQUIT\n"u8;

    /// <summary>Writes the header of a TCP connection.</summary>
    /// <returns>The number of bytes written.</returns>
    public static int Write(Span<byte> destination, ProxyProtocolVersion version, in ConnectionKey connection) =>
        version == ProxyProtocolVersion.V1 ? WriteText(destination, connection) : WriteBinary(destination, connection);

    private static int WriteText(Span<byte> destination, in ConnectionKey connection) =>
        Encoding.ASCII.GetBytes(
            string.Create(
                CultureInfo.InvariantCulture,
                $"PROXY {(connection.Source.IsIPv4 ? "TCP4" : "TCP6")} {connection.Source} {connection.Destination} {connection.SourcePort} {connection.DestinationPort}\r\n"),
            destination);

    private static int WriteBinary(Span<byte> destination, in ConnectionKey connection)
    {
        Signature.CopyTo(destination);
        destination[12] = 0x21; // version 2, command PROXY
        destination[13] = connection.Source.IsIPv4 ? (byte)0x11 : (byte)0x21; // AF_INET or AF_INET6, STREAM
        var size = connection.Source.Size;
        BinaryPrimitives.WriteUInt16BigEndian(destination[14..], (ushort)(2 * size + 4));
        var body = destination[16..];
        connection.Source.WriteBytes(body);
        connection.Destination.WriteBytes(body[size..]);
        BinaryPrimitives.WriteUInt16BigEndian(body[(2 * size)..], connection.SourcePort);
        BinaryPrimitives.WriteUInt16BigEndian(body[(2 * size + 2)..], connection.DestinationPort);
        return 16 + 2 * size + 4;
    }
}
