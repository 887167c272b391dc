using System.Runtime.InteropServices;
using static ProxyFramework.Netlink.NfTables.NftExpressionHeader;

namespace ProxyFramework.Netlink.NfTables;

/// <content>What a rule compares and looks up.</content>
public readonly partial struct NftRuleWriter
{
    /// <summary>Goes on only where the register compares so to a constant.</summary>
    public NftRuleWriter Compare(NftRegister register, NftComparison how, params ReadOnlySpan<byte> value)
    {
        using (Expression("cmp"))
        using (Data())
        {
            _writer.U32BigEndian(NFTA_CMP_SREG, register.Wire);
            _writer.U32BigEndian(NFTA_CMP_OP, (uint)how);
            Value(NFTA_CMP_DATA, value);
        }

        return this;
    }

    /// <summary>Goes on only where the register compares so to a number in host order, such as a mark.</summary>
    public NftRuleWriter CompareHost(NftRegister register, NftComparison how, uint value) =>
        Compare(register, how, MemoryMarshal.AsBytes(new ReadOnlySpan<uint>(in value)));

    /// <summary>Goes on only where the register is, or is not, between two constants, both included.</summary>
    public NftRuleWriter Range(NftRegister register, ReadOnlySpan<byte> first, ReadOnlySpan<byte> last, bool negate = false)
    {
        using (Expression("range"))
        using (Data())
        {
            _writer.U32BigEndian(NFTA_RANGE_SREG, register.Wire);
            _writer.U32BigEndian(NFTA_RANGE_OP, negate ? 1u : 0u);
            Value(NFTA_RANGE_FROM_DATA, first);
            Value(NFTA_RANGE_TO_DATA, last);
        }

        return this;
    }

    /// <summary><c>register = (register &amp; mask) ^ xor</c>.</summary>
    /// <exception cref="ArgumentException">The two are not equally long.</exception>
    public NftRuleWriter Bitwise(NftRegister register, ReadOnlySpan<byte> mask, ReadOnlySpan<byte> xor)
    {
        if (mask.Length != xor.Length)
        {
            throw new ArgumentException("mask and xor differ in length", nameof(xor));
        }

        using (Expression("bitwise"))
        using (Data())
        {
            _writer.U32BigEndian(NFTA_BITWISE_SREG, register.Wire);
            _writer.U32BigEndian(NFTA_BITWISE_DREG, register.Wire);
            _writer.U32BigEndian(NFTA_BITWISE_LEN, (uint)mask.Length);
            Value(NFTA_BITWISE_MASK, mask);
            Value(NFTA_BITWISE_XOR, xor);
        }

        return this;
    }

    /// <summary><c>register = (register &amp; mask) ^ xor</c>, for a number in host order, such as a mark.</summary>
    public NftRuleWriter BitwiseHost(NftRegister register, uint mask, uint xor) => Bitwise(
        register,
        MemoryMarshal.AsBytes(new ReadOnlySpan<uint>(in mask)),
        MemoryMarshal.AsBytes(new ReadOnlySpan<uint>(in xor)));

    /// <summary>Swaps between host and network order.</summary>
    /// <param name="register">The register.</param>
    /// <param name="toNetwork">From host to network order (<c>NFT_BYTEORDER_HTON</c>), or back.</param>
    /// <param name="length">The number of bytes in the register.</param>
    /// <param name="size">The size of each number: 2, 4 or 8 bytes.</param>
    public NftRuleWriter ByteOrder(NftRegister register, bool toNetwork, int length, int size)
    {
        using (Expression("byteorder"))
        using (Data())
        {
            _writer.U32BigEndian(NFTA_BYTEORDER_SREG, register.Wire);
            _writer.U32BigEndian(NFTA_BYTEORDER_DREG, register.Wire);
            _writer.U32BigEndian(NFTA_BYTEORDER_OP, toNetwork ? 1u : 0u);
            _writer.U32BigEndian(NFTA_BYTEORDER_LEN, (uint)length);
            _writer.U32BigEndian(NFTA_BYTEORDER_SIZE, (uint)size);
        }

        return this;
    }

    /// <summary><c>@set</c>: goes on only where the registers are, or are not, a key of the set.</summary>
    /// <param name="set">The set's name; it must be in the same table.</param>
    /// <param name="key">The key's first register.</param>
    /// <param name="negate">Whether it must not be there.</param>
    public NftRuleWriter Lookup(string set, NftRegister key, bool negate = false) => Lookup(set, key, null, negate);

    /// <summary><c>map @map</c>: loads what the map has for a key, and goes on only where it has something.</summary>
    public NftRuleWriter LookupMap(string map, NftRegister key, NftRegister to) => Lookup(map, key, to.Wire, false);

    /// <summary><c>vmap @map</c>: decides what the map says for a key, and goes on where it has nothing.</summary>
    public NftRuleWriter LookupVerdict(string map, NftRegister key) => Lookup(map, key, 0, false);

    /// <summary><c>limit rate</c>: goes on only for so many packets.</summary>
    /// <param name="packets">How many, at least 1.</param>
    /// <param name="per">In which time, at least one second.</param>
    /// <param name="burst">How many may come at once.</param>
    public NftRuleWriter Limit(ulong packets, TimeSpan per, uint burst = 5)
    {
        using (Expression("limit"))
        using (Data())
        {
            _writer.U64BigEndian(NFTA_LIMIT_RATE, packets);
            _writer.U64BigEndian(NFTA_LIMIT_UNIT, (ulong)per.TotalSeconds);
            _writer.U32BigEndian(NFTA_LIMIT_BURST, burst);
            _writer.U32BigEndian(NFTA_LIMIT_TYPE, 0);
            _writer.U32BigEndian(NFTA_LIMIT_FLAGS, 0);
        }

        return this;
    }

    private NftRuleWriter Lookup(string set, NftRegister key, uint? destination, bool negate)
    {
        using (Expression("lookup"))
        using (Data())
        {
            _writer.U32BigEndian(NFTA_LOOKUP_SREG, key.Wire);
            if (destination is { } register)
            {
                _writer.U32BigEndian(NFTA_LOOKUP_DREG, register);
            }

            _writer.String(NFTA_LOOKUP_SET, set);
            if (negate)
            {
                _writer.U32BigEndian(NFTA_LOOKUP_FLAGS, NFT_LOOKUP_F_INV);
            }
        }

        return this;
    }
}
