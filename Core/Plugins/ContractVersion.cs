using System.Globalization;

namespace ProxyFramework.Core.Plugins;

/// <summary>
/// The rule by which a plugin's contract version (that of <c>ProxyFramework.Abstractions</c>, which it was built against) fits the
/// host's: semantic versioning, in which a minor version is a breaking one while the major is 0.
/// </summary>
internal static class ContractVersion
{
    /// <summary>The host's own.</summary>
    public static Version OfHost { get; } = typeof(IBackend).Assembly.GetName().Version ?? new Version(0, 0);

    /// <summary>What is wrong with a plugin's contract version, and what to do; null where it fits.</summary>
    public static string? Mismatch(Version plugin, Version host)
    {
        var fits = plugin.Major == host.Major && (host.Major == 0 ? plugin.Minor == host.Minor : plugin.Minor <= host.Minor);
        if (fits)
        {
            return null;
        }

        var isNewer = plugin.Major > host.Major || (plugin.Major == host.Major && plugin.Minor > host.Minor);
        return string.Create(
            CultureInfo.InvariantCulture,
            $"it was built for version {plugin.ToString(2)} of the plugin contract (ProxyFramework.Abstractions), and this is {host.ToString(2)}: ")
            + (isNewer
                ? "use a newer svcproxy, or a version of the plugin that is built for this one"
                : "use a version of the plugin that is built for this one");
    }
}
