using System.Buffers.Binary;
using System.Runtime.InteropServices;
using ProxyFramework.Backends.Ipvs.Layout;
using ProxyFramework.KernelBackends;
using ProxyFramework.Netlink.NfTables;

namespace ProxyFramework.Backends.Ipvs.Kernel;

/// <summary>The companion table's sets in the kernel, for one family: their types, and elements as bytes.</summary>
internal sealed class CompanionSchema
{
    private const string TableName = "svcproxy-ipvs-v1";

    /// <summary>The most bytes of a key: an IPv6 frontend (24) and source (16), first and last.</summary>
    public const int MaxKey = 80;

    private readonly Dictionary<SetId, NftSet> _sets;

    public CompanionSchema(IPFamily family, string comment)
    {
        Family = family;
        Table = new NftTable(family == IPFamily.IPv4 ? NftFamily.IPv4 : NftFamily.IPv6, TableName) { Comment = comment };
        _sets = SetId.All.ToDictionary(static id => id, Define);
    }

    public IPFamily Family { get; }

    public NftTable Table { get; }

    /// <summary>Whether a table is of this mode, going by its name.</summary>
    public static bool IsOurs(string name) => name == TableName;

    /// <summary>The set of an id.</summary>
    public NftSet Set(SetId id) => _sets[id];

    /// <summary>Adds an element.</summary>
    public void Add(NftBatch batch, in SetElement element)
    {
        Span<byte> key = stackalloc byte[MaxKey];
        var length = WriteKey(element, key, out var last);
        var set = Set(element.Set);
        if (last > 0)
        {
            batch.AddInterval(set, key[..length], key[length..last]);
        }
        else if (element.Set.Kind == SetKind.Mark)
        {
            Span<byte> mark = stackalloc byte[sizeof(uint)];
            MemoryMarshal.Write(mark, element.Mark);
            batch.AddElement(set, key[..length], mark);
        }
        else
        {
            batch.AddElement(set, key[..length]);
        }
    }

    /// <summary>Deletes an element.</summary>
    public void Delete(NftBatch batch, in SetElement element)
    {
        Span<byte> key = stackalloc byte[MaxKey];
        Delete(batch, element.Set, key[..Key(element, key)]);
    }

    /// <summary>Deletes the element of a key.</summary>
    public void Delete(NftBatch batch, SetId id, ReadOnlySpan<byte> key)
    {
        var set = Set(id);
        if (set.Flags.HasFlag(NftSetFlags.Interval))
        {
            batch.DeleteInterval(set, key[..(key.Length / 2)], key[(key.Length / 2)..]);
        }
        else
        {
            batch.DeleteElement(set, key);
        }
    }

    /// <summary>Writes an element's key as the kernel has it: of an interval, the first key and behind it the last.</summary>
    /// <returns>Its length, at most <see cref="MaxKey"/>.</returns>
    public static int Key(in SetElement element, Span<byte> bytes)
    {
        var length = WriteKey(element, bytes, out var last);
        return Math.Max(length, last);
    }

    /// <summary>What the kernel has as an element's data.</summary>
    public static bool HasData(in SetElement element, ReadOnlySpan<byte> data) => element.Set.Kind == SetKind.Mark
        ? data.Length == sizeof(uint) && MemoryMarshal.Read<uint>(data) == element.Mark
        : data.IsEmpty;

    /// <summary>Reads a frontend out of a key.</summary>
    public static FrontendKey ReadFrontend(IPFamily family, ReadOnlySpan<byte> key)
    {
        var address = InetAddress.FromBytes(key[..InetAddress.Any(family).Size]);
        key = key[address.Size..];
        return new FrontendKey(address, (TransportProtocol)key[0], BinaryPrimitives.ReadUInt16BigEndian(key[sizeof(uint)..]));
    }

    private NftSet Define(SetId id)
    {
        var address = Family == IPFamily.IPv4 ? NftType.IPv4Address : NftType.IPv6Address;
        var frontend = NftType.Concatenation(address, NftType.InetProtocol, NftType.InetService);
        return id.Kind switch
        {
            SetKind.Addresses => new(Table, id.Name, address),
            SetKind.Hairpin => new(Table, id.Name, NftType.Concatenation(address, address)),
            SetKind.PodRanges => new(Table, id.Name, address) { Flags = NftSetFlags.Interval },
            SetKind.Allowed => new(Table, id.Name, NftType.Concatenation(address, NftType.InetProtocol, NftType.InetService, address)) { Flags = NftSetFlags.Interval },
            SetKind.Mark => new(Table, id.Name, frontend) { DataType = NftType.Mark },
            _ => new(Table, id.Name, frontend),
        };
    }

    /// <summary>Writes an element's key; of an interval the first key and behind it the last.</summary>
    /// <returns>The length of a key.</returns>
    private static int WriteKey(in SetElement element, Span<byte> bytes, out int last)
    {
        bytes.Clear();
        last = 0;
        int length;
        switch (element.Set.Kind)
        {
            case SetKind.Addresses:
                return element.Key.Address.WriteBytes(bytes);
            case SetKind.Hairpin:
                length = element.Key.Address.WriteBytes(bytes);
                return length + element.Key.Address.WriteBytes(bytes[length..]);
            case SetKind.PodRanges:
                length = element.Source.Address.WriteBytes(bytes);
                last = length + WriteLastAddress(element.Source, bytes[length..]);
                return length;
            case SetKind.Allowed:
                length = WriteFrontend(element.Key, bytes);
                length += element.Source.Address.WriteBytes(bytes[length..]);
                last = length + WriteFrontend(element.Key, bytes[length..]);
                last += WriteLastAddress(element.Source, bytes[last..]);
                return length;
            default:
                return WriteFrontend(element.Key, bytes);
        }
    }

    private static int WriteFrontend(FrontendKey frontend, Span<byte> bytes)
    {
        var length = frontend.Address.WriteBytes(bytes);
        bytes[length] = (byte)frontend.Protocol;
        BinaryPrimitives.WriteUInt16BigEndian(bytes[(length + sizeof(uint))..], frontend.Port);
        return length + (2 * sizeof(uint));
    }

    private static int WriteLastAddress(InetPrefix range, Span<byte> bytes)
    {
        var length = range.Address.WriteBytes(bytes);
        for (var bit = (int)range.Length; bit < length * 8; bit++)
        {
            bytes[bit / 8] |= (byte)(0x80 >> (bit % 8));
        }

        return length;
    }
}
