using static ProxyFramework.Netlink.NfTables.NftExpressionHeader;

namespace ProxyFramework.Netlink.NfTables;

/// <content>What a rule does and decides.</content>
public readonly partial struct NftRuleWriter
{
    private const uint VerdictRegister = 0;

    /// <summary>Decides.</summary>
    public NftRuleWriter Verdict(NftVerdict verdict)
    {
        using (Expression("immediate"))
        using (Data())
        {
            _writer.U32BigEndian(NFTA_IMMEDIATE_DREG, VerdictRegister);
            using (_writer.Nested(NFTA_IMMEDIATE_DATA))
            {
                verdict.Write(_writer);
            }
        }

        return this;
    }

    /// <summary><c>accept</c>.</summary>
    public NftRuleWriter Accept() => Verdict(NftVerdict.Accept);

    /// <summary><c>drop</c>.</summary>
    public NftRuleWriter Drop() => Verdict(NftVerdict.Drop);

    /// <summary><c>return</c>.</summary>
    public NftRuleWriter Return() => Verdict(NftVerdict.Return);

    /// <summary><c>jump</c>.</summary>
    public NftRuleWriter Jump(string chain) => Verdict(NftVerdict.Jump(chain));

    /// <summary><c>goto</c>.</summary>
    public NftRuleWriter Goto(string chain) => Verdict(NftVerdict.Goto(chain));

    /// <summary><c>counter</c>.</summary>
    public NftRuleWriter Counter()
    {
        using (Expression("counter"))
        using (Data())
        {
        }

        return this;
    }

    /// <summary><c>log prefix</c>.</summary>
    public NftRuleWriter Log(string prefix)
    {
        using (Expression("log"))
        using (Data())
        {
            _writer.String(NFTA_LOG_PREFIX, prefix);
        }

        return this;
    }

    /// <summary><c>notrack</c>: the packet is not seen by connection tracking.</summary>
    public NftRuleWriter NoTrack()
    {
        using (Expression("notrack"))
        {
        }

        return this;
    }

    /// <summary><c>reject</c>, with the words that the table's family has for it.</summary>
    public NftRuleWriter Reject(NftReject reason)
    {
        // linux/icmp.h, linux/icmpv6.h and enum nft_reject_inet_code
        var (type, code) = (reason, _family) switch
        {
            (NftReject.TcpReset, _) => (NFT_REJECT_TCP_RST, 0),
            (NftReject.PortUnreachable, NftFamily.IPv4) => (NFT_REJECT_ICMP_UNREACH, 3),
            (NftReject.PortUnreachable, NftFamily.IPv6) => (NFT_REJECT_ICMP_UNREACH, 4),
            (NftReject.PortUnreachable, _) => (NFT_REJECT_ICMPX_UNREACH, 1),
            (NftReject.NoRoute, NftFamily.IPv4 or NftFamily.IPv6) => (NFT_REJECT_ICMP_UNREACH, 0),
            (NftReject.NoRoute, _) => (NFT_REJECT_ICMPX_UNREACH, 0),
            (NftReject.Prohibited, NftFamily.IPv4) => (NFT_REJECT_ICMP_UNREACH, 13),
            (NftReject.Prohibited, NftFamily.IPv6) => (NFT_REJECT_ICMP_UNREACH, 1),
            _ => (NFT_REJECT_ICMPX_UNREACH, 3),
        };
        using (Expression("reject"))
        using (Data())
        {
            _writer.U32BigEndian(NFTA_REJECT_TYPE, type);
            _writer.U8(NFTA_REJECT_ICMP_CODE, (byte)code);
        }

        return this;
    }

    /// <summary><c>dnat to</c>: sends the connection to another address, and port where given.</summary>
    /// <param name="family">IPv4 or IPv6.</param>
    /// <param name="address">The register of the address.</param>
    /// <param name="port">The register of the port.</param>
    /// <param name="flags">How to choose.</param>
    public NftRuleWriter DestinationNat(IPFamily family, NftRegister address, NftRegister? port = null, NftNatFlags flags = NftNatFlags.None) =>
        Nat(NFT_NAT_DNAT, family, address, port, flags);

    /// <summary><c>snat to</c>: gives the connection another source address, and port where given.</summary>
    /// <inheritdoc cref="DestinationNat"/>
    public NftRuleWriter SourceNat(IPFamily family, NftRegister address, NftRegister? port = null, NftNatFlags flags = NftNatFlags.None) =>
        Nat(NFT_NAT_SNAT, family, address, port, flags);

    /// <summary><c>masquerade</c>: gives the connection the address of the outgoing interface.</summary>
    public NftRuleWriter Masquerade(NftNatFlags flags = NftNatFlags.None)
    {
        using (Expression("masq"))
        using (Data())
        {
            if (flags != NftNatFlags.None)
            {
                _writer.U32BigEndian(NFTA_MASQ_FLAGS, (uint)flags);
            }
        }

        return this;
    }

    /// <summary><c>redirect to</c>: sends the connection to this machine, to the port in a register.</summary>
    public NftRuleWriter Redirect(NftRegister port)
    {
        using (Expression("redir"))
        using (Data())
        {
            _writer.U32BigEndian(NFTA_REDIR_REG_PROTO_MIN, port.Wire);
            _writer.U32BigEndian(NFTA_REDIR_FLAGS, NF_NAT_RANGE_PROTO_SPECIFIED);
        }

        return this;
    }

    /// <summary><c>add</c>, <c>update</c> or <c>delete @set { key : data }</c>: changes a dynamic set of the same table.</summary>
    /// <param name="operation">What to do.</param>
    /// <param name="set">The set's name.</param>
    /// <param name="key">The key's first register.</param>
    /// <param name="data">The first register of a map's data.</param>
    /// <param name="timeout">When the element goes, where the set does not say.</param>
    public NftRuleWriter DynamicSet(
        NftDynamicOperation operation, string set, NftRegister key, NftRegister? data = null, TimeSpan? timeout = null)
    {
        using (Expression("dynset"))
        using (Data())
        {
            _writer.U32BigEndian(NFTA_DYNSET_SREG_KEY, key.Wire);
            if (data is { } value)
            {
                _writer.U32BigEndian(NFTA_DYNSET_SREG_DATA, value.Wire);
            }

            _writer.U32BigEndian(NFTA_DYNSET_OP, (uint)operation);
            if (timeout is { } time)
            {
                _writer.U64BigEndian(NFTA_DYNSET_TIMEOUT, (ulong)time.TotalMilliseconds);
            }

            _writer.String(NFTA_DYNSET_SET_NAME, set);
        }

        return this;
    }

    private NftRuleWriter Nat(uint type, IPFamily family, NftRegister address, NftRegister? port, NftNatFlags flags)
    {
        using (Expression("nat"))
        using (Data())
        {
            _writer.U32BigEndian(NFTA_NAT_TYPE, type);
            _writer.U32BigEndian(NFTA_NAT_FAMILY, (uint)(family == IPFamily.IPv4 ? NftFamily.IPv4 : NftFamily.IPv6));
            _writer.U32BigEndian(NFTA_NAT_REG_ADDR_MIN, address.Wire);
            if (port is { } register)
            {
                _writer.U32BigEndian(NFTA_NAT_REG_PROTO_MIN, register.Wire);
            }

            if (flags != NftNatFlags.None)
            {
                _writer.U32BigEndian(NFTA_NAT_FLAGS, (uint)flags);
            }
        }

        return this;
    }
}
