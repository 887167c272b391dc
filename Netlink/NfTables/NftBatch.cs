using static ProxyFramework.Netlink.NetlinkHeader;
using static ProxyFramework.Netlink.NfTables.NfTablesHeader;

namespace ProxyFramework.Netlink.NfTables;

/// <summary>
/// A transaction of changes to nf_tables: all of them come into force at once, or none. It reads like <c>nft</c>'s own language
/// (nft(8)): add, delete and flush tables, chains, rules, sets and elements. Keep one and <see cref="Reset"/> it: its buffers stay,
/// and adding or deleting an element then allocates nothing. Not thread-safe.
/// </summary>
public sealed partial class NftBatch : IDisposable
{
    private readonly NetlinkWriter _writer = new(64 << 10);
    private uint _setId;
    private bool _ended;

    /// <summary>An empty batch.</summary>
    public NftBatch() => Begin(null);

    /// <summary>The number of bytes so far. The kernel is held up while it commits, so bound this: a few MB take some 10 ms.</summary>
    public int Length => _writer.Length;

    /// <summary>Whether nothing was added since the last <see cref="Reset"/>.</summary>
    public bool IsEmpty => _writer.MessageCount <= 1;

    internal NetlinkWriter Writer => _writer;

    /// <summary>Forgets everything that was added.</summary>
    /// <param name="generation">
    /// The generation that the changes are based on; where it is not the current one at commit, the batch is refused with
    /// <c>ERESTART</c>. Null does not ask.
    /// </param>
    public void Reset(uint? generation = null)
    {
        _writer.Reset();
        ResetElements();
        _setId = 0;
        _ended = false;
        Begin(generation);
    }

    /// <summary><c>add table</c>; for a table that is there, sets its flags.</summary>
    public void AddTable(NftTable table)
    {
        ArgumentNullException.ThrowIfNull(table);
        BeginMessage(NFT_MSG_NEWTABLE, table.Family, 0);
        _writer.String(NFTA_TABLE_NAME, table.Name);
        _writer.U32BigEndian(NFTA_TABLE_FLAGS, (uint)table.Flags);
        if (table.Comment is not null)
        {
            NftUserData.WriteComment(_writer, NFTA_TABLE_USERDATA, NftUserData.NFTNL_UDATA_TABLE_COMMENT, table.Comment);
        }

        _writer.EndMessage();
    }

    /// <summary><c>delete table</c>, with all that is in it. Refused with <c>ENOENT</c> where it is not there.</summary>
    public void DeleteTable(NftTable table)
    {
        ArgumentNullException.ThrowIfNull(table);
        BeginMessage(NFT_MSG_DELTABLE, table.Family, 0);
        _writer.String(NFTA_TABLE_NAME, table.Name);
        _writer.EndMessage();
    }

    /// <summary><c>add chain</c>; for a chain that is there, sets its policy.</summary>
    public void AddChain(NftChain chain)
    {
        ArgumentNullException.ThrowIfNull(chain);
        BeginMessage(NFT_MSG_NEWCHAIN, chain.Table.Family, NLM_F_CREATE);
        _writer.String(NFTA_CHAIN_TABLE, chain.Table.Name);
        _writer.String(NFTA_CHAIN_NAME, chain.Name);
        if (chain.Base is { } place)
        {
            _writer.String(NFTA_CHAIN_TYPE, place.Type);
            _writer.U32BigEndian(NFTA_CHAIN_POLICY, (uint)place.Policy);
            using (_writer.Nested(NFTA_CHAIN_HOOK))
            {
                _writer.U32BigEndian(NFTA_HOOK_HOOKNUM, (uint)place.Hook);
                _writer.U32BigEndian(NFTA_HOOK_PRIORITY, (uint)place.Priority);
            }
        }

        if (chain.Comment is not null)
        {
            NftUserData.WriteComment(_writer, NFTA_CHAIN_USERDATA, NftUserData.NFTNL_UDATA_CHAIN_COMMENT, chain.Comment);
        }

        _writer.EndMessage();
    }

    /// <summary><c>delete chain</c>. Refused with <c>ENOENT</c> where it is not there, with <c>EBUSY</c> where something jumps to it.</summary>
    public void DeleteChain(NftChain chain)
    {
        ArgumentNullException.ThrowIfNull(chain);
        BeginMessage(NFT_MSG_DELCHAIN, chain.Table.Family, 0);
        _writer.String(NFTA_CHAIN_TABLE, chain.Table.Name);
        _writer.String(NFTA_CHAIN_NAME, chain.Name);
        _writer.EndMessage();
    }

    /// <summary><c>flush chain</c>: deletes its rules.</summary>
    public void FlushChain(NftChain chain)
    {
        ArgumentNullException.ThrowIfNull(chain);
        BeginRuleMessage(NFT_MSG_DELRULE, chain, 0);
        _writer.EndMessage();
    }

    /// <summary><c>add rule</c>, at the end of a chain.</summary>
    /// <param name="chain">The chain.</param>
    /// <param name="comment">What <c>nft list</c> shows as its comment, or null; at most 253 bytes.</param>
    /// <param name="body">Writes the rule's expressions.</param>
    public void AddRule(NftChain chain, string? comment, Func<NftRuleWriter, NftRuleWriter> body) =>
        WriteRule(chain, null, comment, body, NLM_F_CREATE | NLM_F_APPEND);

    /// <inheritdoc cref="AddRule(NftChain, string, Func{NftRuleWriter, NftRuleWriter})"/>
    public void AddRule(NftChain chain, Func<NftRuleWriter, NftRuleWriter> body) => AddRule(chain, null, body);

    /// <summary><c>insert rule</c>, at the beginning of a chain.</summary>
    /// <inheritdoc cref="AddRule(NftChain, string, Func{NftRuleWriter, NftRuleWriter})"/>
    public void InsertRule(NftChain chain, string? comment, Func<NftRuleWriter, NftRuleWriter> body) =>
        WriteRule(chain, null, comment, body, NLM_F_CREATE);

    /// <summary><c>add rule … handle</c>, behind another rule.</summary>
    /// <param name="rule">The rule before it.</param>
    /// <param name="comment">What <c>nft list</c> shows as its comment, or null; at most 253 bytes.</param>
    /// <param name="body">Writes the rule's expressions.</param>
    public void AddRuleBehind(NftRule rule, string? comment, Func<NftRuleWriter, NftRuleWriter> body)
    {
        ArgumentNullException.ThrowIfNull(rule);
        WriteRule(rule.Chain, (NFTA_RULE_POSITION, rule.Handle), comment, body, NLM_F_CREATE | NLM_F_APPEND);
    }

    /// <summary><c>replace rule</c>.</summary>
    /// <param name="rule">The rule that goes.</param>
    /// <param name="comment">What <c>nft list</c> shows as its comment, or null; at most 253 bytes.</param>
    /// <param name="body">Writes the new rule's expressions.</param>
    public void ReplaceRule(NftRule rule, string? comment, Func<NftRuleWriter, NftRuleWriter> body)
    {
        ArgumentNullException.ThrowIfNull(rule);
        WriteRule(rule.Chain, (NFTA_RULE_HANDLE, rule.Handle), comment, body, NLM_F_REPLACE);
    }

    /// <summary><c>delete rule</c>. Refused with <c>ENOENT</c> where it is not there.</summary>
    public void DeleteRule(NftRule rule)
    {
        ArgumentNullException.ThrowIfNull(rule);
        BeginRuleMessage(NFT_MSG_DELRULE, rule.Chain, 0);
        _writer.U64BigEndian(NFTA_RULE_HANDLE, rule.Handle);
        _writer.EndMessage();
    }

    /// <summary><c>add set</c> or <c>add map</c>.</summary>
    public void AddSet(NftSet set)
    {
        ArgumentNullException.ThrowIfNull(set);
        BeginMessage(NFT_MSG_NEWSET, set.Table.Family, NLM_F_CREATE);
        set.Write(_writer, ++_setId);
        _writer.EndMessage();
    }

    /// <summary><c>delete set</c> or <c>delete map</c>. Refused with <c>ENOENT</c> where it is not there, with <c>EBUSY</c> where a rule uses it.</summary>
    public void DeleteSet(NftSet set)
    {
        ArgumentNullException.ThrowIfNull(set);
        BeginMessage(NFT_MSG_DELSET, set.Table.Family, 0);
        _writer.String(NFTA_SET_TABLE, set.Table.Name);
        _writer.String(NFTA_SET_NAME, set.Name);
        _writer.EndMessage();
    }

    /// <summary><c>flush set</c> or <c>flush map</c>: deletes its elements.</summary>
    public void FlushSet(NftSet set)
    {
        ArgumentNullException.ThrowIfNull(set);
        BeginMessage(NFT_MSG_DELSETELEM, set.Table.Family, 0);
        _writer.String(NFTA_SET_ELEM_LIST_TABLE, set.Table.Name);
        _writer.String(NFTA_SET_ELEM_LIST_SET, set.Name);
        _writer.EndMessage();
    }

    /// <summary>Gives the buffers back.</summary>
    public void Dispose() => _writer.Dispose();

    /// <summary>Ends the batch for sending.</summary>
    /// <returns>The index of the last change; it asks for an acknowledgement.</returns>
    internal int End()
    {
        if (_ended)
        {
            throw new InvalidOperationException("the batch was committed before; Reset it");
        }

        CloseElements();
        _ended = true;
        var last = _writer.MessageCount - 1;
        _writer.AddFlagsToLastMessage(NLM_F_ACK);
        _writer.BeginMessage(NFNL_MSG_BATCH_END, 0);
        _writer.Fixed(SubsystemHeader);
        _writer.EndMessage();
        return last;
    }

    private static nfgenmsg SubsystemHeader => new()
    {
        res_id = BitConverter.IsLittleEndian ? (ushort)(NFNL_SUBSYS_NFTABLES << 8) : NFNL_SUBSYS_NFTABLES,
    };

    private void Begin(uint? generation)
    {
        _writer.BeginMessage(NFNL_MSG_BATCH_BEGIN, 0);
        _writer.Fixed(SubsystemHeader);
        if (generation is { } expected)
        {
            _writer.U32BigEndian(NFNL_BATCH_GENID, expected);
        }

        _writer.EndMessage();
    }

    private void BeginMessage(ushort message, NftFamily family, ushort flags)
    {
        if (_ended)
        {
            throw new InvalidOperationException("the batch was committed; Reset it");
        }

        CloseElements();
        _writer.BeginMessage(MessageType(message), flags);
        _writer.Fixed(new nfgenmsg { nfgen_family = (byte)family });
    }

    private void BeginRuleMessage(ushort message, NftChain chain, ushort flags)
    {
        BeginMessage(message, chain.Table.Family, flags);
        _writer.String(NFTA_RULE_TABLE, chain.Table.Name);
        _writer.String(NFTA_RULE_CHAIN, chain.Name);
    }

    private void WriteRule(
        NftChain chain, (ushort Attribute, ulong Handle)? place, string? comment, Func<NftRuleWriter, NftRuleWriter> body, ushort flags)
    {
        ArgumentNullException.ThrowIfNull(chain);
        ArgumentNullException.ThrowIfNull(body);
        BeginRuleMessage(NFT_MSG_NEWRULE, chain, flags);
        if (place is { } at)
        {
            _writer.U64BigEndian(at.Attribute, at.Handle);
        }

        using (_writer.Nested(NFTA_RULE_EXPRESSIONS))
        {
            body(new NftRuleWriter(_writer, chain.Table.Family));
        }

        if (comment is not null)
        {
            NftUserData.WriteComment(_writer, NFTA_RULE_USERDATA, NftUserData.NFTNL_UDATA_RULE_COMMENT, comment);
        }

        _writer.EndMessage();
    }
}
