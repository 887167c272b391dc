using System.Globalization;
using Microsoft.Extensions.Configuration;

namespace ProxyFramework.Backends.Nftables;

/// <summary>The settings of this mode (<c>nftables:…</c> in the configuration), with their defaults.</summary>
internal sealed record NftablesSettings
{
    /// <summary><c>masquerade-bit</c>: the bit of the packet mark that says "masquerade" between prerouting and postrouting, 0…31.</summary>
    public int MasqueradeBit { get; private set; } = 14;

    /// <summary>
    /// <c>drop-invalid</c>: whether TCP packets of endpoints that connection tracking cannot place are discarded. Passed on, they
    /// would not be translated back, and make the client reset the connection.
    /// </summary>
    public bool DropInvalid { get; private set; } = true;

    /// <summary><c>affinity-clients</c>: how many clients with session affinity are remembered, in each family, 1…16,777,216.</summary>
    public uint AffinityClients { get; private set; } = 1 << 20;

    /// <summary>Reads the section.</summary>
    /// <exception cref="BackendException">Settings that are unknown or invalid; all of them are named.</exception>
    public static NftablesSettings Read(IConfiguration section)
    {
        var settings = new NftablesSettings();
        var problems = section.GetChildren()
            .Select(setting => settings.Apply(setting.Key, setting.Value ?? "") is { } problem ? $"nftables:{setting.Key}: {problem}" : null)
            .OfType<string>()
            .ToList();
        return problems.Count == 0 ? settings : throw new BackendException(string.Join("; ", problems));
    }

    private string? Apply(string name, string value) => name.ToLowerInvariant() switch
    {
        "masquerade-bit" => Number(value, 0, 31, parsed => MasqueradeBit = (int)parsed),
        "drop-invalid" => Switch(value, parsed => DropInvalid = parsed),
        "affinity-clients" => Number(value, 1, 1 << 24, parsed => AffinityClients = parsed),
        _ => "this mode has no such setting; it has masquerade-bit, drop-invalid and affinity-clients",
    };

    private static string? Switch(string value, Action<bool> set)
    {
        if (!bool.TryParse(value, out var parsed))
        {
            return $"'{value}' is neither true nor false";
        }

        set(parsed);
        return null;
    }

    private static string? Number(string value, uint least, uint most, Action<uint> set)
    {
        if (!uint.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var number) || number < least || number > most)
        {
            return $"'{value}' is not a whole number between {least} and {most}";
        }

        set(number);
        return null;
    }
}
