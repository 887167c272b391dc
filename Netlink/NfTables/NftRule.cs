using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using static ProxyFramework.Netlink.NfTables.NfTablesHeader;

namespace ProxyFramework.Netlink.NfTables;

/// <summary>A rule as the kernel has it.</summary>
/// <param name="Chain">The chain that it is in.</param>
/// <param name="Handle">The number that the kernel gave it, by which it is replaced or deleted.</param>
public sealed record NftRule(NftChain Chain, ulong Handle)
{
    /// <summary>What <c>nft list</c> shows as its comment.</summary>
    public string? Comment { get; init; }

    /// <summary>Its expressions as they came, <c>NFTA_RULE_EXPRESSIONS</c>: to compare, not to read.</summary>
    public ImmutableArray<byte> Expressions { get; init; } = [];

    internal static bool TryParse(NetlinkMessage message, [MaybeNullWhen(false)] out NftRule rule)
    {
        rule = null;
        if (message.Type != MessageType(NFT_MSG_NEWRULE))
        {
            return false;
        }

        var table = "";
        var chain = "";
        string? comment = null;
        ulong handle = 0;
        ImmutableArray<byte> expressions = [];
        var attributes = message.Attributes(nfgenmsg.Size);
        while (attributes.TryRead(out var attribute))
        {
            switch (attribute.Type)
            {
                case NFTA_RULE_TABLE:
                    table = attribute.ReadString();
                    break;
                case NFTA_RULE_CHAIN:
                    chain = attribute.ReadString();
                    break;
                case NFTA_RULE_HANDLE:
                    handle = attribute.ReadU64BigEndian();
                    break;
                case NFTA_RULE_EXPRESSIONS:
                    expressions = [.. attribute.Value];
                    break;
                case NFTA_RULE_USERDATA:
                    comment = NftUserData.ReadComment(attribute.Value, NftUserData.NFTNL_UDATA_RULE_COMMENT);
                    break;
            }
        }

        rule = new NftRule(new NftChain(new NftTable((NftFamily)message.Fixed(nfgenmsg.Size)[0], table), chain), handle)
        {
            Comment = comment,
            Expressions = expressions,
        };
        return true;
    }
}
