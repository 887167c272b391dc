using System.Buffers.Binary;

namespace ProxyFramework.Plugins.Schedulers;

/// <summary>
/// Hashes that are the same in every process and on every node, so that all of them send a client the same way. Each 8 bytes are mixed in by
/// the finalizer of splitmix64 (Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014).
/// </summary>
internal static class StableHash
{
    private const ulong Golden = 0x9E37_79B9_7F4A_7C15;

    /// <summary>The hash of an address.</summary>
    public static ulong Of(in InetAddress address)
    {
        Span<byte> bytes = stackalloc byte[16];
        return address.WriteBytes(bytes) == 4
            ? Mix(Golden + BinaryPrimitives.ReadUInt32BigEndian(bytes))
            : Mix(Mix(Golden + BinaryPrimitives.ReadUInt64BigEndian(bytes)) + BinaryPrimitives.ReadUInt64BigEndian(bytes[8..]));
    }

    /// <summary>The hash of a number, different for each seed.</summary>
    public static ulong Of(ulong value, uint seed) => Mix(value + ((seed + 1) * Golden));

    /// <summary>The hash of an endpoint, whatever its weight.</summary>
    public static ulong Of(in Endpoint endpoint) => Of(Of(endpoint.Address), endpoint.Port);

    /// <summary>The hash of a part of a connection.</summary>
    public static ulong Of(in ConnectionKey connection, HashedPart part) => part switch
    {
        HashedPart.Source => Of(connection.Source),
        HashedPart.Destination => Of(connection.Destination),
        _ => Of(Of(connection.Source) + Of(connection.Destination), ((uint)connection.SourcePort << 16) | connection.DestinationPort),
    };

    private static ulong Mix(ulong value)
    {
        value = (value ^ (value >> 30)) * 0xBF58_476D_1CE4_E5B9;
        value = (value ^ (value >> 27)) * 0x94D0_49BB_1331_11EB;
        return value ^ (value >> 31);
    }
}

/// <summary>What of a connection is hashed.</summary>
internal enum HashedPart : byte
{
    /// <summary>The client's address.</summary>
    Source,

    /// <summary>The frontend's address.</summary>
    Destination,

    /// <summary>The addresses and ports of both sides.</summary>
    Connection,
}
