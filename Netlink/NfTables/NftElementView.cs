using static ProxyFramework.Netlink.NfTables.NfTablesHeader;

namespace ProxyFramework.Netlink.NfTables;

/// <summary>An element of a set or map as it lies in the receive buffer: hundreds of thousands are read without allocation.</summary>
public readonly ref struct NftElementView
{
    private readonly ReadOnlySpan<byte> _verdict;
    private readonly ReadOnlySpan<byte> _userData;
    private readonly uint _flags;

    private NftElementView(ReadOnlySpan<byte> attributes)
    {
        var reader = new AttributeReader(attributes);
        while (reader.TryRead(out var attribute))
        {
            switch (attribute.Type)
            {
                case NFTA_SET_ELEM_KEY:
                    Key = Value(attribute.Nested(), NFTA_DATA_VALUE);
                    break;
                case NFTA_SET_ELEM_KEY_END:
                    KeyEnd = Value(attribute.Nested(), NFTA_DATA_VALUE);
                    break;
                case NFTA_SET_ELEM_DATA:
                    Data = Value(attribute.Nested(), NFTA_DATA_VALUE);
                    _verdict = Value(attribute.Nested(), NFTA_DATA_VERDICT);
                    break;
                case NFTA_SET_ELEM_FLAGS:
                    _flags = attribute.ReadU32BigEndian();
                    break;
                case NFTA_SET_ELEM_TIMEOUT:
                    Timeout = NftElement.Milliseconds(attribute.ReadU64BigEndian());
                    break;
                case NFTA_SET_ELEM_EXPIRATION:
                    Expires = NftElement.Milliseconds(attribute.ReadU64BigEndian());
                    break;
                case NFTA_SET_ELEM_USERDATA:
                    _userData = attribute.Value;
                    break;
            }
        }
    }

    /// <summary>The key.</summary>
    public ReadOnlySpan<byte> Key { get; }

    /// <summary>The last key of an interval over a concatenation; otherwise empty.</summary>
    public ReadOnlySpan<byte> KeyEnd { get; }

    /// <summary>A map's data; empty where they are a verdict.</summary>
    public ReadOnlySpan<byte> Data { get; }

    /// <summary>The time that the element was given to live; zero where it has no limit of its own.</summary>
    public TimeSpan Timeout { get; }

    /// <summary>The time that it has left; zero where it has no limit.</summary>
    public TimeSpan Expires { get; }

    /// <summary>Whether this key is the first one behind an interval (<c>NFT_SET_ELEM_INTERVAL_END</c>).</summary>
    public bool IsIntervalEnd => (_flags & NFT_SET_ELEM_INTERVAL_END) != 0;

    /// <summary>Whether the element has a verdict.</summary>
    public bool HasVerdict => !_verdict.IsEmpty;

    /// <summary>Reads the verdict; allocates the chain's name.</summary>
    /// <exception cref="NetlinkFormatException">It is not well-formed.</exception>
    public NftVerdict ReadVerdict() => NftVerdict.Read(new AttributeReader(_verdict));

    /// <summary>Reads the comment, or null.</summary>
    public string? ReadComment() => NftUserData.ReadComment(_userData, NftUserData.NFTNL_UDATA_SET_ELEM_COMMENT);

    /// <summary>Hands the elements of a <c>NFT_MSG_NEWSETELEM</c> message to a target.</summary>
    /// <returns>False where one of them came before.</returns>
    internal static bool ReadAll(NetlinkMessage message, INftElementTarget target)
    {
        var isNew = true;
        if (message.Type != MessageType(NFT_MSG_NEWSETELEM))
        {
            return isNew;
        }

        var attributes = message.Attributes(nfgenmsg.Size);
        while (attributes.TryRead(out var list))
        {
            if (list.Type != NFTA_SET_ELEM_LIST_ELEMENTS)
            {
                continue;
            }

            var elements = list.Nested();
            while (elements.TryRead(out var element))
            {
                isNew &= target.Add(new NftElementView(element.Value));
            }
        }

        return isNew;
    }

    private static ReadOnlySpan<byte> Value(AttributeReader attributes, int type)
    {
        while (attributes.TryRead(out var attribute))
        {
            if (attribute.Type == type)
            {
                return attribute.Value;
            }
        }

        return default;
    }
}
