using Microsoft.Extensions.Configuration;

namespace ProxyFramework.Backends.Iptables;

/// <summary>The settings of this mode (<c>iptables:…</c> in the configuration), with their defaults.</summary>
internal sealed record IptablesSettings
{
    /// <summary><c>flavour</c>: <c>legacy</c> or <c>nft</c>; null (<c>auto</c>) for the one that the node uses.</summary>
    public string? Flavour { get; private init; }

    /// <summary><c>masquerade-bit</c>: the bit of the packet mark that says "masquerade", 0…31.</summary>
    public int MasqueradeBit { get; private init; } = 14;

    /// <summary>
    /// <c>drop-invalid</c>: whether TCP packets of endpoints that connection tracking cannot place are discarded. Passed on, they
    /// would not be translated back, and make the client reset the connection.
    /// </summary>
    public bool DropInvalid { get; private init; } = true;

    /// <summary><c>canary-seconds</c>: how often is looked whether our rules are still there, in seconds 1…3600.</summary>
    public int CanarySeconds { get; private init; } = 10;

    /// <summary><c>wait-seconds</c>: how long to wait for the lock of the legacy tables, in seconds 1…600.</summary>
    public int WaitSeconds { get; private init; } = 10;

    /// <summary>Reads the section.</summary>
    /// <exception cref="BackendException">Settings that are unknown or invalid; all of them are named.</exception>
    public static IptablesSettings Read(IConfiguration section) => OptionReader.ReadSettings(section, "iptables", ["flavour", "masquerade-bit", "drop-invalid", "canary-seconds", "wait-seconds"], static read =>
    {
        var defaults = new IptablesSettings();
        return defaults with
        {
            Flavour = read.Value("flavour", defaults.Flavour, ReadFlavour),
            MasqueradeBit = read.WholeNumber("masquerade-bit", defaults.MasqueradeBit, 0, 31),
            DropInvalid = read.Flag("drop-invalid", defaults.DropInvalid),
            CanarySeconds = read.WholeNumber("canary-seconds", defaults.CanarySeconds, 1, 3600),
            WaitSeconds = read.WholeNumber("wait-seconds", defaults.WaitSeconds, 1, 600),
        };
    });

    private static string? ReadFlavour(string text) =>
        text is "auto" ? null : text is "legacy" or "nft" ? text : throw new FormatException($"'{text}' is none of auto, legacy, nft");
}
