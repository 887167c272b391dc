using System.Buffers.Binary;
using System.Runtime.InteropServices;
using ProxyFramework.Backends.Nftables.Layout;
using ProxyFramework.KernelBackends;
using ProxyFramework.Netlink.NfTables;

namespace ProxyFramework.Backends.Nftables.Kernel;

/// <summary>
/// Elements as the kernel wants them: addresses and ports in network order, numbers in host order, each field of a concatenation
/// padded to four bytes.
/// </summary>
internal sealed class ElementCodec(TableSchema schema)
{
    /// <summary>The longest key: an IPv6 frontend (24 bytes) with an IPv6 source (16), twice where it is an interval.</summary>
    public const int MaxKey = 80;

    /// <summary>The longest data: an IPv6 address and a port.</summary>
    public const int MaxData = 20;

    /// <summary>Adds an element.</summary>
    public void Add(NftBatch batch, in Element element, ReadOnlySpan<char> comment)
    {
        var set = schema.Set(element.Key.Set);
        Span<byte> key = stackalloc byte[MaxKey];
        key = key[..WriteKey(element.Key, key)];
        if (element.Key.Set.Kind is SetKind.Allowed)
        {
            batch.AddInterval(set, key[..set.KeyType.Size], key[set.KeyType.Size..], comment);
        }
        else if (element.Key.Set.IsMap)
        {
            Span<byte> data = stackalloc byte[MaxData];
            batch.AddElement(set, key, data[..WriteData(element, data)], comment);
        }
        else
        {
            batch.AddElement(set, key, comment);
        }
    }

    /// <summary>Deletes an element.</summary>
    public void Delete(NftBatch batch, in ElementKey element)
    {
        Span<byte> key = stackalloc byte[MaxKey];
        Delete(batch, schema.Set(element.Set), key[..WriteKey(element, key)]);
    }

    /// <summary>Deletes an element whose key is at hand as bytes.</summary>
    public static void Delete(NftBatch batch, NftSet set, ReadOnlySpan<byte> key)
    {
        if (key.Length > set.KeyType.Size)
        {
            batch.DeleteInterval(set, key[..set.KeyType.Size], key[set.KeyType.Size..]);
        }
        else
        {
            batch.DeleteElement(set, key);
        }
    }

    /// <summary>Writes an element's key; of an interval the first key and the last.</summary>
    /// <returns>The number of bytes.</returns>
    public static int WriteKey(in ElementKey element, Span<byte> bytes)
    {
        bytes.Clear();
        switch (element.Set.Kind)
        {
            case SetKind.ClusterIPs or SetKind.ExternalIPs or SetKind.EndpointAddresses:
                return element.Frontend.Address.WriteBytes(bytes);
            case SetKind.Hairpin:
                var size = element.Frontend.Address.WriteBytes(bytes);
                return size + element.Frontend.Address.WriteBytes(bytes[size..]);
            case SetKind.Endpoints or SetKind.AffinitySlots or SetKind.AffinityEndpoints:
                var length = WriteFrontend(element, bytes);
                MemoryMarshal.Write(bytes[length..], element.Selector);
                return length + sizeof(uint);
            case SetKind.Allowed:
                var first = WriteFrontend(element, bytes);
                first += element.Source.Address.WriteBytes(bytes[first..]);
                var last = first + WriteFrontend(element, bytes[first..]);
                return last + WriteLastAddress(element.Source, bytes[last..]);
            default:
                return WriteFrontend(element, bytes);
        }
    }

    /// <summary>Writes what an element of a map leads to.</summary>
    /// <returns>The number of bytes; 0 for a set.</returns>
    public static int WriteData(in Element element, Span<byte> bytes)
    {
        bytes.Clear();
        switch (element.Key.Set.Kind)
        {
            case SetKind.Endpoints or SetKind.AffinityEndpoints:
                var length = element.Value.Address.WriteBytes(bytes);
                BinaryPrimitives.WriteUInt16BigEndian(bytes[length..], element.Value.Port);
                return length + sizeof(uint);
            case SetKind.AffinitySlots:
                MemoryMarshal.Write(bytes, element.Value.Id);
                return sizeof(uint);
            default:
                return 0;
        }
    }

    /// <summary>Reads the frontend of a key; the inverse of what <see cref="WriteKey"/> begins with.</summary>
    public static FrontendKey ReadFrontend(IPFamily family, bool isNodePort, ReadOnlySpan<byte> key)
    {
        var address = InetAddress.Any(family);
        if (!isNodePort)
        {
            address = InetAddress.FromBytes(key[..address.Size]);
            key = key[address.Size..];
        }

        return new FrontendKey(address, (TransportProtocol)key[0], BinaryPrimitives.ReadUInt16BigEndian(key[sizeof(uint)..]));
    }

    private static int WriteFrontend(in ElementKey element, Span<byte> bytes)
    {
        var frontend = element.Frontend;
        var length = element.Set.IsNodePort ? 0 : frontend.Address.WriteBytes(bytes);
        bytes[length] = (byte)frontend.Protocol;
        BinaryPrimitives.WriteUInt16BigEndian(bytes[(length + sizeof(uint))..], frontend.Port);
        return length + (2 * sizeof(uint));
    }

    /// <summary>Writes the last address of a range.</summary>
    public static int WriteLastAddress(InetPrefix range, Span<byte> bytes)
    {
        var length = range.Address.WriteBytes(bytes);
        for (var bit = (int)range.Length; bit < length * 8; bit++)
        {
            bytes[bit / 8] |= (byte)(0x80 >> (bit % 8));
        }

        return length;
    }
}
