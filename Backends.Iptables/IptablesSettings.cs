using System.Globalization;
using Microsoft.Extensions.Configuration;

namespace ProxyFramework.Backends.Iptables;

/// <summary>The settings of this mode (<c>iptables:…</c> in the configuration), with their defaults.</summary>
internal sealed record IptablesSettings
{
    /// <summary><c>flavour</c>: <c>legacy</c> or <c>nft</c>; null (<c>auto</c>) for the one that the node uses.</summary>
    public string? Flavour { get; private set; }

    /// <summary><c>masquerade-bit</c>: the bit of the packet mark that says "masquerade", 0…31.</summary>
    public int MasqueradeBit { get; private set; } = 14;

    /// <summary>
    /// <c>drop-invalid</c>: whether forwarded packets that connection tracking cannot place are discarded. Passed on, they would not be
    /// translated back, and make the client reset the connection; but where routes are asymmetric others lose packets.
    /// </summary>
    public bool DropInvalid { get; private set; } = true;

    /// <summary><c>canary-seconds</c>: how often is looked whether our rules are still there, in seconds 1…3600.</summary>
    public int CanarySeconds { get; private set; } = 10;

    /// <summary><c>wait-seconds</c>: how long to wait for the lock of the legacy tables, in seconds 1…600.</summary>
    public int WaitSeconds { get; private set; } = 10;

    /// <summary>Reads the section.</summary>
    /// <exception cref="BackendException">Settings that are unknown or invalid; all of them are named.</exception>
    public static IptablesSettings Read(IConfiguration section)
    {
        var settings = new IptablesSettings();
        var problems = section.GetChildren()
            .Select(setting => settings.Apply(setting.Key, setting.Value ?? "") is { } problem ? $"iptables:{setting.Key}: {problem}" : null)
            .OfType<string>()
            .ToList();
        return problems.Count == 0 ? settings : throw new BackendException(string.Join("; ", problems));
    }

    private string? Apply(string name, string value) => name.ToLowerInvariant() switch
    {
        "flavour" => OneOf(value),
        "masquerade-bit" => Number(value, 0, 31, parsed => MasqueradeBit = parsed),
        "drop-invalid" => Switch(value, parsed => DropInvalid = parsed),
        "canary-seconds" => Number(value, 1, 3600, parsed => CanarySeconds = parsed),
        "wait-seconds" => Number(value, 1, 600, parsed => WaitSeconds = parsed),
        _ => "this mode has no such setting; it has flavour, masquerade-bit, drop-invalid, canary-seconds and wait-seconds",
    };

    private string? OneOf(string value)
    {
        Flavour = value == "auto" ? null : value;
        return value is "auto" or "legacy" or "nft" ? null : $"'{value}' is none of auto, legacy, nft";
    }

    private static string? Switch(string value, Action<bool> set)
    {
        if (!bool.TryParse(value, out var parsed))
        {
            return $"'{value}' is neither true nor false";
        }

        set(parsed);
        return null;
    }

    private static string? Number(string value, int least, int most, Action<int> set)
    {
        if (!int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var number) || number < least || number > most)
        {
            return $"'{value}' is not a whole number between {least} and {most}";
        }

        set(number);
        return null;
    }
}
