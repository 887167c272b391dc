using System.Buffers.Binary;
using System.Collections.Immutable;

namespace ProxyFramework.Backends.Nftables.Layout;

/// <summary>
/// Names for endpoints that fit a packet's 32-bit priority. They are a function of address and port alone, so that the affinity
/// which the kernel remembers still means the same endpoint after an update to others and after a restart of the proxy.
/// </summary>
internal static class EndpointIds
{
    /// <summary>An id for each endpoint, never 0 (which stands for none), unique within the group.</summary>
    public static uint[] Assign(ImmutableArray<Endpoint> endpoints)
    {
        var ids = new uint[endpoints.Length];
        var used = new HashSet<uint>(endpoints.Length) { 0 };
        for (var i = 0; i < ids.Length; i++)
        {
            var id = Hash(endpoints[i]);
            while (!used.Add(id))
            {
                id++;
            }

            ids[i] = id;
        }

        return ids;
    }

    /// <summary>FNV-1a (RFC 9923) over the bytes: fixed for ever, unlike .NET's hash codes, which differ in each process.</summary>
    private static uint Hash(Endpoint endpoint)
    {
        Span<byte> bytes = stackalloc byte[18];
        var length = endpoint.Address.WriteBytes(bytes);
        BinaryPrimitives.WriteUInt16BigEndian(bytes[length..], endpoint.Port);
        var hash = 2166136261u;
        foreach (var value in bytes[..(length + 2)])
        {
            hash = (hash ^ value) * 16777619u;
        }

        return hash;
    }
}
