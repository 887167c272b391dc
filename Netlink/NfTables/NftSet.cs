using System.Diagnostics.CodeAnalysis;
using static ProxyFramework.Netlink.NfTables.NfTablesHeader;

namespace ProxyFramework.Netlink.NfTables;

/// <summary>A set of keys, or with <see cref="DataType"/> a map from keys to data.</summary>
/// <param name="Table">The table that it is in.</param>
/// <param name="Name">Its name, unique in the table.</param>
/// <param name="KeyType">The type of its keys.</param>
public sealed record NftSet(NftTable Table, string Name, NftType KeyType)
{
    /// <summary>The type of a map's data; null for a set.</summary>
    public NftType? DataType { get; init; }

    /// <summary>Its flags. <c>Map</c> and <c>Concatenation</c> follow from the rest and need not be given.</summary>
    public NftSetFlags Flags { get; init; }

    /// <summary>How many elements it may have; 0 is no limit. Dynamic sets need one.</summary>
    public uint Size { get; init; }

    /// <summary>After which time elements go that do not say otherwise; null is never. Resolution: milliseconds.</summary>
    public TimeSpan? Timeout { get; init; }

    /// <summary>What <c>nft list</c> shows as its comment.</summary>
    public string? Comment { get; init; }

    /// <summary>The number that the kernel gave it; 0 in one's own definitions.</summary>
    public ulong Handle { get; init; }

    internal NftSetFlags AllFlags => Flags
        | (DataType is null ? 0 : NftSetFlags.Map)
        | (Flags.HasFlag(NftSetFlags.Interval) && KeyType.Fields.Length > 0 ? NftSetFlags.Concatenation : 0);

    internal static bool TryParse(NetlinkMessage message, [MaybeNullWhen(false)] out NftSet set)
    {
        set = null;
        if (message.Type != MessageType(NFT_MSG_NEWSET))
        {
            return false;
        }

        var table = "";
        var name = "";
        string? comment = null;
        var flags = NftSetFlags.None;
        uint keyType = 0, keySize = 0, dataType = 0, dataSize = 0, size = 0;
        ulong handle = 0, timeout = 0;
        var attributes = message.Attributes(nfgenmsg.Size);
        while (attributes.TryRead(out var attribute))
        {
            switch (attribute.Type)
            {
                case NFTA_SET_TABLE:
                    table = attribute.ReadString();
                    break;
                case NFTA_SET_NAME:
                    name = attribute.ReadString();
                    break;
                case NFTA_SET_FLAGS:
                    flags = (NftSetFlags)attribute.ReadU32BigEndian();
                    break;
                case NFTA_SET_KEY_TYPE:
                    keyType = attribute.ReadU32BigEndian();
                    break;
                case NFTA_SET_KEY_LEN:
                    keySize = attribute.ReadU32BigEndian();
                    break;
                case NFTA_SET_DATA_TYPE:
                    dataType = attribute.ReadU32BigEndian();
                    break;
                case NFTA_SET_DATA_LEN:
                    dataSize = attribute.ReadU32BigEndian();
                    break;
                case NFTA_SET_DESC:
                    size = ReadSize(attribute.Nested());
                    break;
                case NFTA_SET_TIMEOUT:
                    timeout = attribute.ReadU64BigEndian();
                    break;
                case NFTA_SET_HANDLE:
                    handle = attribute.ReadU64BigEndian();
                    break;
                case NFTA_SET_USERDATA:
                    comment = NftUserData.ReadComment(attribute.Value, NftUserData.NFTNL_UDATA_SET_COMMENT);
                    break;
            }
        }

        set = new NftSet(new NftTable((NftFamily)message.Fixed(nfgenmsg.Size)[0], table), name, NftType.FromKernel(keyType, keySize))
        {
            DataType = !flags.HasFlag(NftSetFlags.Map) ? null
                : dataType == NFT_DATA_VERDICT ? NftType.Verdict
                : NftType.FromKernel(dataType, dataSize),
            Flags = flags,
            Size = size,
            Timeout = timeout == 0 ? null : NftElement.Milliseconds(timeout),
            Comment = comment,
            Handle = handle,
        };
        return true;
    }

    internal void Write(NetlinkWriter writer, uint id)
    {
        writer.String(NFTA_SET_TABLE, Table.Name);
        writer.String(NFTA_SET_NAME, Name);
        writer.U32BigEndian(NFTA_SET_FLAGS, (uint)AllFlags);
        writer.U32BigEndian(NFTA_SET_KEY_TYPE, KeyType.Number);
        writer.U32BigEndian(NFTA_SET_KEY_LEN, (uint)KeyType.Size);
        if (DataType is { } data)
        {
            writer.U32BigEndian(NFTA_SET_DATA_TYPE, data.Number);
            writer.U32BigEndian(NFTA_SET_DATA_LEN, (uint)data.Size);
        }

        writer.U32BigEndian(NFTA_SET_ID, id);
        WriteDescription(writer);
        if (Timeout is { } timeout)
        {
            writer.U64BigEndian(NFTA_SET_TIMEOUT, (ulong)timeout.TotalMilliseconds);
        }

        WriteUserData(writer);
    }

    private static uint ReadSize(AttributeReader attributes)
    {
        while (attributes.TryRead(out var attribute))
        {
            if (attribute.Type == NFTA_SET_DESC_SIZE)
            {
                return attribute.ReadU32BigEndian();
            }
        }

        return 0;
    }

    /// <summary>The kernel needs to know the fields only where it has to find intervals in each.</summary>
    private void WriteDescription(NetlinkWriter writer)
    {
        var concatenation = AllFlags.HasFlag(NftSetFlags.Concatenation);
        if (Size == 0 && !concatenation)
        {
            return;
        }

        using (writer.Nested(NFTA_SET_DESC))
        {
            if (Size != 0)
            {
                writer.U32BigEndian(NFTA_SET_DESC_SIZE, Size);
            }

            if (!concatenation)
            {
                return;
            }

            using (writer.Nested(NFTA_SET_DESC_CONCAT))
            {
                foreach (var field in KeyType.Fields)
                {
                    using (writer.Nested(NFTA_LIST_ELEM))
                    {
                        writer.U32BigEndian(NFTA_SET_FIELD_LEN, (uint)field.Size);
                    }
                }
            }
        }
    }

    private void WriteUserData(NetlinkWriter writer)
    {
        Span<byte> data = stackalloc byte[NFT_USERDATA_MAXLEN + 16];
        var length = 0;
        length += NftUserData.FillNumber(data[length..], NftUserData.NFTNL_UDATA_SET_KEYBYTEORDER, KeyType.ByteOrder);
        if (DataType is { } type)
        {
            length += NftUserData.FillNumber(data[length..], NftUserData.NFTNL_UDATA_SET_DATABYTEORDER, type.ByteOrder);
        }

        if (Comment is not null)
        {
            var size = NftUserData.CommentSize(Comment);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(length + size, NFT_USERDATA_MAXLEN, nameof(Comment));
            NftUserData.FillComment(data.Slice(length, size), NftUserData.NFTNL_UDATA_SET_COMMENT, Comment);
            length += size;
        }

        writer.Attribute(NFTA_SET_USERDATA, data[..length]);
    }
}
