namespace ProxyFramework.Netlink.NfTables;

/// <summary>What a rule or a map element decides: <c>NF_*</c> (linux/netfilter.h) and <c>enum nft_verdicts</c> (nf_tables.h).</summary>
public readonly record struct NftVerdict
{
    private NftVerdict(int code, string? chain)
    {
        Code = code;
        Chain = chain;
    }

    /// <summary><c>NF_DROP</c>.</summary>
    public static NftVerdict Drop => new(0, null);

    /// <summary><c>NF_ACCEPT</c>.</summary>
    public static NftVerdict Accept => new(1, null);

    /// <summary><c>NFT_CONTINUE</c>: go on with the next rule.</summary>
    public static NftVerdict Continue => new(-1, null);

    /// <summary><c>NFT_RETURN</c>: go on behind the jump.</summary>
    public static NftVerdict Return => new(-5, null);

    /// <summary>The number.</summary>
    public int Code { get; }

    /// <summary>Where a jump or a goto leads.</summary>
    public string? Chain { get; }

    /// <summary><c>NFT_JUMP</c>: go to a chain and come back.</summary>
    public static NftVerdict Jump(string chain) => new(-3, chain);

    /// <summary><c>NFT_GOTO</c>: go to a chain for good.</summary>
    public static NftVerdict Goto(string chain) => new(-4, chain);

    /// <summary>As <c>nft</c> prints it.</summary>
    public override string ToString() => Code switch
    {
        0 => "drop",
        1 => "accept",
        -1 => "continue",
        -2 => "break",
        -3 => $"jump {Chain}",
        -4 => $"goto {Chain}",
        -5 => "return",
        _ => $"verdict {Code}",
    };

    internal static NftVerdict Read(AttributeReader attributes)
    {
        var code = 0;
        string? chain = null;
        while (attributes.TryRead(out var attribute))
        {
            switch (attribute.Type)
            {
                case NfTablesHeader.NFTA_VERDICT_CODE:
                    code = (int)attribute.ReadU32BigEndian();
                    break;
                case NfTablesHeader.NFTA_VERDICT_CHAIN:
                    chain = attribute.ReadString();
                    break;
            }
        }

        return new NftVerdict(code, chain);
    }

    internal void Write(NetlinkWriter writer)
    {
        using (writer.Nested(NfTablesHeader.NFTA_DATA_VERDICT))
        {
            writer.U32BigEndian(NfTablesHeader.NFTA_VERDICT_CODE, (uint)Code);
            if (Chain is not null)
            {
                writer.String(NfTablesHeader.NFTA_VERDICT_CHAIN, Chain);
            }
        }
    }
}
