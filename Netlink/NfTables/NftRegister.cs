namespace ProxyFramework.Netlink.NfTables;

/// <summary>
/// One of the 16 registers of 4 bytes in which a rule computes, <c>NFT_REG32_00</c> to <c>NFT_REG32_15</c> (nf_tables.h). A longer
/// value takes those that follow: a concatenated key lies in consecutive ones. They do not survive from rule to rule.
/// </summary>
public readonly record struct NftRegister
{
    /// <summary>The register of this number.</summary>
    /// <param name="number">0…15.</param>
    /// <exception cref="ArgumentOutOfRangeException">The number is not in 0…15.</exception>
    public NftRegister(int number)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(number);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(number, 15);
        Number = number;
    }

    /// <summary>The register's number, 0…15.</summary>
    public int Number { get; }

    /// <summary>On the wire each fourth register has the number of the 16-byte register that begins there (<c>nft_dump_register()</c>).</summary>
    internal uint Wire => (uint)(Number % 4 == 0 ? 1 + (Number / 4) : 8 + Number);

    /// <summary>The register of this number.</summary>
    public static implicit operator NftRegister(int number) => new(number);

    /// <summary>The register of this number.</summary>
    public static NftRegister FromInt32(int number) => new(number);
}
