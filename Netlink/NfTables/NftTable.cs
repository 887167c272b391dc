using System.Diagnostics.CodeAnalysis;
using static ProxyFramework.Netlink.NfTables.NfTablesHeader;

namespace ProxyFramework.Netlink.NfTables;

/// <summary>A table: the name space of chains, sets and maps.</summary>
/// <param name="Family">Which packets it sees.</param>
/// <param name="Name">Its name, unique in the family.</param>
public sealed record NftTable(NftFamily Family, string Name)
{
    /// <summary>Its flags.</summary>
    public NftTableFlags Flags { get; init; }

    /// <summary>What <c>nft list</c> shows as its comment.</summary>
    public string? Comment { get; init; }

    /// <summary>The number that the kernel gave it; 0 in one's own definitions.</summary>
    public ulong Handle { get; init; }

    /// <summary>How many chains, sets and objects it has; 0 in one's own definitions.</summary>
    public uint Use { get; init; }

    internal static bool TryParse(NetlinkMessage message, [MaybeNullWhen(false)] out NftTable table)
    {
        table = null;
        if (message.Type != MessageType(NFT_MSG_NEWTABLE))
        {
            return false;
        }

        var parsed = new NftTable((NftFamily)message.Fixed(nfgenmsg.Size)[0], "");
        var attributes = message.Attributes(nfgenmsg.Size);
        while (attributes.TryRead(out var attribute))
        {
            parsed = attribute.Type switch
            {
                NFTA_TABLE_NAME => parsed with { Name = attribute.ReadString() },
                NFTA_TABLE_FLAGS => parsed with { Flags = (NftTableFlags)attribute.ReadU32BigEndian() },
                NFTA_TABLE_USE => parsed with { Use = attribute.ReadU32BigEndian() },
                NFTA_TABLE_HANDLE => parsed with { Handle = attribute.ReadU64BigEndian() },
                NFTA_TABLE_USERDATA => parsed with { Comment = NftUserData.ReadComment(attribute.Value, NftUserData.NFTNL_UDATA_TABLE_COMMENT) },
                _ => parsed,
            };
        }

        table = parsed;
        return true;
    }
}
