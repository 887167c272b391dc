using System.Collections.Immutable;
using System.Text.Json.Serialization;
using Microsoft.Extensions.Logging;
using ProxyFramework.Core.Plugins;

namespace ProxyFramework.Host.Commands;

/// <summary>What <c>svcproxy plugins</c> says, whatever form it is written in. Property names are those of <c>--output json</c>.</summary>
/// <param name="Contract">The version of the plugin contract that this program has.</param>
/// <param name="Plugins">Every plugin folder, in the order of search.</param>
/// <param name="Problems">What is wrong beyond a single plugin: folders that cannot be read, names claimed twice.</param>
internal sealed record PluginReport(string Contract, ImmutableArray<PluginReport.Plugin> Plugins, ImmutableArray<string> Problems)
{
    /// <summary>The folders that were asked for and cannot be read, each with the reason; among <see cref="Problems"/> too.</summary>
    [JsonIgnore]
    public ImmutableArray<string> UnreadableFolders { get; private init; } = [];

    /// <summary>Loads the plugins, and asks each backend whether this node can run it.</summary>
    public static async Task<PluginReport> CreateAsync(PluginCatalogOptions options, ILoggerFactory loggers, CancellationToken cancellation)
    {
        using var catalog = new PluginCatalog(options, [], [], loggers, TimeProvider.System);
        var support = new Dictionary<string, BackendSupport>(StringComparer.Ordinal);
        foreach (var (name, backend) in catalog.Backends)
        {
            support[name] = await BackendProbe.RunAsync(backend, TimeProvider.System, cancellation);
        }

        return new PluginReport(
            Text(typeof(IBackend).Assembly.GetName().Version)!,
            [.. catalog.Plugins.Select(info => Describe(info, support))],
            [.. catalog.DirectoryProblems, .. catalog.Conflicts.Select(conflict => conflict.ToString())])
        {
            UnreadableFolders = catalog.DirectoryProblems,
        };
    }

    private static Plugin Describe(PluginInfo info, Dictionary<string, BackendSupport> support) => new(
        info.Name,
        info.Path,
        info.Version?.ToString(3),
        Text(info.ContractVersion),
        info.IsLoaded,
        info.Problems,
        [.. info.Backends.Select(name => support.TryGetValue(name, out var answer)
            ? new Backend(name, answer.IsSupported, answer.Missing.IsDefault ? [] : answer.Missing, answer.Limits.IsDefault ? [] : answer.Limits, answer.Preference)
            : new Backend(name, false, ["a name of its own: it is claimed more than once"], [], 0))],
        info.Schedulers);

    private static string? Text(Version? version) => version?.ToString(2);

    /// <summary>One plugin folder.</summary>
    public sealed record Plugin(
        string Name,
        string Assembly,
        string? Version,
        string? Contract,
        bool Loaded,
        ImmutableArray<string> Problems,
        ImmutableArray<Backend> Backends,
        ImmutableArray<string> Schedulers);

    /// <summary>One backend and what it says of this node.</summary>
    public sealed record Backend(string Name, bool Supported, ImmutableArray<string> Missing, ImmutableArray<string> Limits, int Preference);
}
