using Microsoft.Extensions.Configuration;

namespace ProxyFramework.Backends.Nftables;

/// <summary>The settings of this mode (<c>nftables:…</c> in the configuration), with their defaults.</summary>
internal sealed record NftablesSettings
{
    /// <summary><c>masquerade-bit</c>: the bit of the packet mark that says "masquerade" between prerouting and postrouting, 0…31.</summary>
    public int MasqueradeBit { get; private init; } = 14;

    /// <summary>
    /// <c>drop-invalid</c>: whether TCP packets of endpoints that connection tracking cannot place are discarded. Passed on, they
    /// would not be translated back, and make the client reset the connection.
    /// </summary>
    public bool DropInvalid { get; private init; } = true;

    /// <summary><c>affinity-clients</c>: how many clients with session affinity are remembered, in each family, 1…16,777,216.</summary>
    public int AffinityClients { get; private init; } = 1 << 20;

    /// <summary>Reads the section.</summary>
    /// <exception cref="BackendException">Settings that are unknown or invalid; all of them are named.</exception>
    public static NftablesSettings Read(IConfiguration section) => OptionReader.ReadSettings(section, "nftables", ["masquerade-bit", "drop-invalid", "affinity-clients"], static read =>
    {
        var defaults = new NftablesSettings();
        return defaults with
        {
            MasqueradeBit = read.WholeNumber("masquerade-bit", defaults.MasqueradeBit, 0, 31),
            DropInvalid = read.Flag("drop-invalid", defaults.DropInvalid),
            AffinityClients = read.WholeNumber("affinity-clients", defaults.AffinityClients, 1, 1 << 24),
        };
    });
}
