using System.Diagnostics.CodeAnalysis;
using static ProxyFramework.Netlink.NfTables.NfTablesHeader;

namespace ProxyFramework.Netlink.NfTables;

/// <summary>A generation of the rule set: each committed batch makes a new one.</summary>
/// <param name="Id">Its number.</param>
/// <param name="ProcessId">Who made it, or asks, in the kernel's view of processes; 0 where it does not tell.</param>
/// <param name="ProcessName">That process's name, at most 15 bytes.</param>
public sealed record NftGeneration(uint Id, int ProcessId, string ProcessName)
{
    internal static bool TryParse(NetlinkMessage message, [MaybeNullWhen(false)] out NftGeneration generation)
    {
        generation = null;
        if (message.Type != MessageType(NFT_MSG_NEWGEN))
        {
            return false;
        }

        uint id = 0;
        var process = 0;
        var name = "";
        var attributes = message.Attributes(nfgenmsg.Size);
        while (attributes.TryRead(out var attribute))
        {
            switch (attribute.Type)
            {
                case NFTA_GEN_ID:
                    id = attribute.ReadU32BigEndian();
                    break;
                case NFTA_GEN_PROC_PID:
                    process = (int)attribute.ReadU32BigEndian();
                    break;
                case NFTA_GEN_PROC_NAME:
                    name = attribute.ReadString();
                    break;
            }
        }

        generation = new NftGeneration(id, process, name);
        return true;
    }
}
