using static ProxyFramework.Netlink.NfTables.NftExpressionHeader;

namespace ProxyFramework.Netlink.NfTables;

/// <summary>
/// Writes the expressions of one rule into a batch, in the order in which the kernel carries them out; a rule ends at the first
/// comparison that fails. Reads like <c>nft</c>'s own <c>--debug=netlink</c>: load into registers, look up, decide.
/// </summary>
/// <example>
/// <code>
/// batch.AddRule(chain, "services", static rule => rule
///     .IPv4Destination(0).TransportProtocol(1).DestinationPort(2).LookupVerdict("services", 0));
/// </code>
/// </example>
public readonly partial struct NftRuleWriter
{
    private readonly NetlinkWriter _writer;
    private readonly NftFamily _family;

    internal NftRuleWriter(NetlinkWriter writer, NftFamily family)
    {
        _writer = writer;
        _family = family;
    }

    /// <summary><c>ip saddr</c>: 4 bytes.</summary>
    public NftRuleWriter IPv4Source(NftRegister to) => Payload(NftPayloadBase.NetworkHeader, 12, 4, to);

    /// <summary><c>ip daddr</c>: 4 bytes.</summary>
    public NftRuleWriter IPv4Destination(NftRegister to) => Payload(NftPayloadBase.NetworkHeader, 16, 4, to);

    /// <summary><c>ip6 saddr</c>: 16 bytes, four registers.</summary>
    public NftRuleWriter IPv6Source(NftRegister to) => Payload(NftPayloadBase.NetworkHeader, 8, 16, to);

    /// <summary><c>ip6 daddr</c>: 16 bytes, four registers.</summary>
    public NftRuleWriter IPv6Destination(NftRegister to) => Payload(NftPayloadBase.NetworkHeader, 24, 16, to);

    /// <summary><c>th sport</c>: 2 bytes.</summary>
    public NftRuleWriter SourcePort(NftRegister to) => Payload(NftPayloadBase.TransportHeader, 0, 2, to);

    /// <summary><c>th dport</c>: 2 bytes.</summary>
    public NftRuleWriter DestinationPort(NftRegister to) => Payload(NftPayloadBase.TransportHeader, 2, 2, to);

    /// <summary><c>meta l4proto</c>: 1 byte.</summary>
    public NftRuleWriter TransportProtocol(NftRegister to) => Meta(NftMeta.TransportProtocol, to);

    /// <summary>Loads bytes of the packet.</summary>
    /// <param name="from">Which header.</param>
    /// <param name="offset">Bytes from the header's start.</param>
    /// <param name="length">Number of bytes.</param>
    /// <param name="to">The first register.</param>
    public NftRuleWriter Payload(NftPayloadBase from, int offset, int length, NftRegister to)
    {
        using (Expression("payload"))
        using (Data())
        {
            _writer.U32BigEndian(NFTA_PAYLOAD_DREG, to.Wire);
            _writer.U32BigEndian(NFTA_PAYLOAD_BASE, (uint)from);
            _writer.U32BigEndian(NFTA_PAYLOAD_OFFSET, (uint)offset);
            _writer.U32BigEndian(NFTA_PAYLOAD_LEN, (uint)length);
        }

        return this;
    }

    /// <summary><c>meta KEY</c>: loads packet metadata.</summary>
    public NftRuleWriter Meta(NftMeta key, NftRegister to)
    {
        using (Expression("meta"))
        using (Data())
        {
            _writer.U32BigEndian(NFTA_META_KEY, (uint)key);
            _writer.U32BigEndian(NFTA_META_DREG, to.Wire);
        }

        return this;
    }

    /// <summary><c>meta KEY set</c>.</summary>
    public NftRuleWriter SetMeta(NftMeta key, NftRegister from)
    {
        using (Expression("meta"))
        using (Data())
        {
            _writer.U32BigEndian(NFTA_META_KEY, (uint)key);
            _writer.U32BigEndian(NFTA_META_SREG, from.Wire);
        }

        return this;
    }

    /// <summary><c>ct KEY</c>: loads what is known of the connection.</summary>
    /// <param name="key">What.</param>
    /// <param name="to">The first register.</param>
    /// <param name="direction">Of which direction, for addresses and ports.</param>
    public NftRuleWriter Ct(NftCt key, NftRegister to, NftDirection? direction = null)
    {
        using (Expression("ct"))
        using (Data())
        {
            _writer.U32BigEndian(NFTA_CT_KEY, (uint)key);
            _writer.U32BigEndian(NFTA_CT_DREG, to.Wire);
            if (direction is { } way)
            {
                _writer.U8(NFTA_CT_DIRECTION, (byte)way);
            }
        }

        return this;
    }

    /// <summary><c>ct KEY set</c>.</summary>
    public NftRuleWriter SetCt(NftCt key, NftRegister from)
    {
        using (Expression("ct"))
        using (Data())
        {
            _writer.U32BigEndian(NFTA_CT_KEY, (uint)key);
            _writer.U32BigEndian(NFTA_CT_SREG, from.Wire);
        }

        return this;
    }

    /// <summary><c>fib</c>: asks the routing tables.</summary>
    public NftRuleWriter Fib(NftFibFlags about, NftFibResult result, NftRegister to)
    {
        using (Expression("fib"))
        using (Data())
        {
            _writer.U32BigEndian(NFTA_FIB_FLAGS, (uint)about);
            _writer.U32BigEndian(NFTA_FIB_RESULT, (uint)result);
            _writer.U32BigEndian(NFTA_FIB_DREG, to.Wire);
        }

        return this;
    }

    /// <summary><c>numgen</c>: a number in 0…<paramref name="modulus"/> - 1, in host order, plus <paramref name="offset"/>.</summary>
    public NftRuleWriter NumGen(NftNumGenType type, uint modulus, NftRegister to, uint offset = 0)
    {
        using (Expression("numgen"))
        using (Data())
        {
            _writer.U32BigEndian(NFTA_NG_DREG, to.Wire);
            _writer.U32BigEndian(NFTA_NG_MODULUS, modulus);
            _writer.U32BigEndian(NFTA_NG_TYPE, (uint)type);
            _writer.U32BigEndian(NFTA_NG_OFFSET, offset);
        }

        return this;
    }

    /// <summary><c>jhash</c>: a hash of registers, in 0…<paramref name="modulus"/> - 1, in host order, plus <paramref name="offset"/>.</summary>
    /// <param name="from">The first register that is hashed.</param>
    /// <param name="length">The bytes that are hashed, with padding inside a concatenation.</param>
    /// <param name="modulus">The number of possible results, at least 2.</param>
    /// <param name="seed">Makes one hash different from another.</param>
    /// <param name="to">Where the result goes.</param>
    /// <param name="offset">The smallest result.</param>
    public NftRuleWriter JHash(NftRegister from, int length, uint modulus, uint seed, NftRegister to, uint offset = 0)
    {
        using (Expression("hash"))
        using (Data())
        {
            _writer.U32BigEndian(NFTA_HASH_SREG, from.Wire);
            _writer.U32BigEndian(NFTA_HASH_DREG, to.Wire);
            _writer.U32BigEndian(NFTA_HASH_LEN, (uint)length);
            _writer.U32BigEndian(NFTA_HASH_MODULUS, modulus);
            _writer.U32BigEndian(NFTA_HASH_SEED, seed);
            _writer.U32BigEndian(NFTA_HASH_OFFSET, offset);
            _writer.U32BigEndian(NFTA_HASH_TYPE, NFT_HASH_JENKINS);
        }

        return this;
    }

    /// <summary><c>symhash</c>: a hash of the connection that is the same in both directions, in host order.</summary>
    public NftRuleWriter SymHash(uint modulus, NftRegister to, uint offset = 0)
    {
        using (Expression("hash"))
        using (Data())
        {
            _writer.U32BigEndian(NFTA_HASH_DREG, to.Wire);
            _writer.U32BigEndian(NFTA_HASH_MODULUS, modulus);
            _writer.U32BigEndian(NFTA_HASH_OFFSET, offset);
            _writer.U32BigEndian(NFTA_HASH_TYPE, NFT_HASH_SYM);
        }

        return this;
    }

    /// <summary>Loads a constant.</summary>
    public NftRuleWriter Immediate(NftRegister to, params ReadOnlySpan<byte> value)
    {
        using (Expression("immediate"))
        using (Data())
        {
            _writer.U32BigEndian(NFTA_IMMEDIATE_DREG, to.Wire);
            Value(NFTA_IMMEDIATE_DATA, value);
        }

        return this;
    }

    private NestedAttribute Expression(ReadOnlySpan<char> name)
    {
        var element = _writer.Nested(NfTablesHeader.NFTA_LIST_ELEM);
        _writer.String(NFTA_EXPR_NAME, name);
        return element;
    }

    private NestedAttribute Data() => _writer.Nested(NFTA_EXPR_DATA);

    private void Value(ushort attribute, ReadOnlySpan<byte> value)
    {
        using (_writer.Nested(attribute))
        {
            _writer.Attribute(NfTablesHeader.NFTA_DATA_VALUE, value);
        }
    }
}
