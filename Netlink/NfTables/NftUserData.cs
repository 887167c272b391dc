using System.Runtime.InteropServices;
using System.Text;

namespace ProxyFramework.Netlink.NfTables;

/// <summary>
/// The data that <c>nft</c> keeps with tables, chains, rules, sets and elements: a list of type, length, value with one byte each
/// for type and length (libnftnl/udata.h). A comment ends with NUL.
/// </summary>
internal static class NftUserData
{
    internal const byte NFTNL_UDATA_TABLE_COMMENT = 0;
    internal const byte NFTNL_UDATA_CHAIN_COMMENT = 0;
    internal const byte NFTNL_UDATA_RULE_COMMENT = 0;
    internal const byte NFTNL_UDATA_SET_ELEM_COMMENT = 0;
    internal const byte NFTNL_UDATA_SET_KEYBYTEORDER = 0;
    internal const byte NFTNL_UDATA_SET_DATABYTEORDER = 1;
    internal const byte NFTNL_UDATA_SET_COMMENT = 7;

    /// <summary>NFT_USERDATA_MAXLEN less type, length and NUL, and what fits the length byte.</summary>
    internal const int MaxCommentBytes = 253;

    internal static void WriteComment(NetlinkWriter writer, ushort attribute, byte type, ReadOnlySpan<char> comment)
    {
        var size = CommentSize(comment);
        FillComment(writer.AttributeSpace(attribute, size), type, comment);
    }

    /// <summary>The bytes that a comment takes with its type, length and NUL.</summary>
    internal static int CommentSize(ReadOnlySpan<char> comment)
    {
        var bytes = Encoding.UTF8.GetByteCount(comment);
        return bytes <= MaxCommentBytes
            ? bytes + 3
            : throw new ArgumentException($"a comment has at most {MaxCommentBytes} bytes, not {bytes}", nameof(comment));
    }

    internal static void FillComment(Span<byte> space, byte type, ReadOnlySpan<char> comment)
    {
        space[0] = type;
        space[1] = (byte)(space.Length - 2);
        Encoding.UTF8.GetBytes(comment, space[2..]);
        space[^1] = 0;
    }

    /// <summary>A 32-bit number in host order.</summary>
    /// <returns>The bytes written.</returns>
    internal static int FillNumber(Span<byte> space, byte type, uint value)
    {
        space[0] = type;
        space[1] = sizeof(uint);
        MemoryMarshal.Write(space[2..], in value);
        return 2 + sizeof(uint);
    }

    /// <summary>The comment in user data, or null. What other programs put there is theirs, so nothing in it is an error.</summary>
    internal static string? ReadComment(ReadOnlySpan<byte> data, byte type)
    {
        while (data.Length >= 2 && data.Length >= 2 + data[1])
        {
            var value = data.Slice(2, data[1]);
            if (data[0] == type)
            {
                var end = value.IndexOf((byte)0);
                return Encoding.UTF8.GetString(end < 0 ? value : value[..end]);
            }

            data = data[(2 + value.Length)..];
        }

        return null;
    }
}
