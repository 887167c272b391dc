using System.Globalization;
using Microsoft.Extensions.Configuration;

namespace ProxyFramework.Backends.Ipvs;

/// <summary>The settings of this mode (<c>ipvs:…</c> in the configuration), with their defaults.</summary>
internal sealed record IpvsSettings
{
    /// <summary><c>masquerade-bit</c>: the bit of the packet mark that says "masquerade", 10…15.</summary>
    public int MasqueradeBit { get; private init; } = 14;

    /// <summary>Reads the section.</summary>
    /// <exception cref="BackendException">Settings that are unknown or invalid; all of them are named.</exception>
    public static IpvsSettings Read(IConfiguration section)
    {
        var settings = new IpvsSettings();
        var problems = new List<string>();
        foreach (var setting in section.GetChildren())
        {
            if (!setting.Key.Equals("masquerade-bit", StringComparison.OrdinalIgnoreCase))
            {
                problems.Add($"ipvs:{setting.Key}: this mode has no such setting; it has masquerade-bit");
            }
            else if (!int.TryParse(setting.Value, NumberStyles.None, CultureInfo.InvariantCulture, out var bit) || bit is < 10 or > 15)
            {
                problems.Add($"ipvs:{setting.Key}: '{setting.Value}' is not a whole number between 10 and 15");
            }
            else
            {
                settings = settings with { MasqueradeBit = bit };
            }
        }

        return problems.Count == 0 ? settings : throw new BackendException(string.Join("; ", problems));
    }
}
