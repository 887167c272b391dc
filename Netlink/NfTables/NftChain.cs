using System.Diagnostics.CodeAnalysis;
using static ProxyFramework.Netlink.NfTables.NfTablesHeader;

namespace ProxyFramework.Netlink.NfTables;

/// <summary>A chain: a list of rules.</summary>
/// <param name="Table">The table that it is in.</param>
/// <param name="Name">Its name, unique in the table.</param>
public sealed record NftChain(NftTable Table, string Name)
{
    /// <summary>Where packets enter it; null for a chain that is only jumped to.</summary>
    public NftBaseChain? Base { get; init; }

    /// <summary>What <c>nft list</c> shows as its comment.</summary>
    public string? Comment { get; init; }

    /// <summary>The number that the kernel gave it; 0 in one's own definitions.</summary>
    public ulong Handle { get; init; }

    internal static bool TryParse(NetlinkMessage message, [MaybeNullWhen(false)] out NftChain chain)
    {
        chain = null;
        if (message.Type != MessageType(NFT_MSG_NEWCHAIN))
        {
            return false;
        }

        var table = "";
        var name = "";
        var type = "";
        string? comment = null;
        ulong handle = 0;
        var policy = NftPolicy.Accept;
        (NftHook Hook, int Priority)? hook = null;
        var attributes = message.Attributes(nfgenmsg.Size);
        while (attributes.TryRead(out var attribute))
        {
            switch (attribute.Type)
            {
                case NFTA_CHAIN_TABLE:
                    table = attribute.ReadString();
                    break;
                case NFTA_CHAIN_NAME:
                    name = attribute.ReadString();
                    break;
                case NFTA_CHAIN_HANDLE:
                    handle = attribute.ReadU64BigEndian();
                    break;
                case NFTA_CHAIN_HOOK:
                    hook = ReadHook(attribute.Nested());
                    break;
                case NFTA_CHAIN_POLICY:
                    policy = (NftPolicy)attribute.ReadU32BigEndian();
                    break;
                case NFTA_CHAIN_TYPE:
                    type = attribute.ReadString();
                    break;
                case NFTA_CHAIN_USERDATA:
                    comment = NftUserData.ReadComment(attribute.Value, NftUserData.NFTNL_UDATA_CHAIN_COMMENT);
                    break;
            }
        }

        chain = new NftChain(new NftTable((NftFamily)message.Fixed(nfgenmsg.Size)[0], table), name)
        {
            Base = hook is { } place ? new NftBaseChain(type, place.Hook, place.Priority) { Policy = policy } : null,
            Comment = comment,
            Handle = handle,
        };
        return true;
    }

    private static (NftHook Hook, int Priority) ReadHook(AttributeReader attributes)
    {
        var hook = default(NftHook);
        var priority = 0;
        while (attributes.TryRead(out var attribute))
        {
            switch (attribute.Type)
            {
                case NFTA_HOOK_HOOKNUM:
                    hook = (NftHook)attribute.ReadU32BigEndian();
                    break;
                case NFTA_HOOK_PRIORITY:
                    priority = (int)attribute.ReadU32BigEndian();
                    break;
            }
        }

        return (hook, priority);
    }
}
