using System.Collections.Immutable;

namespace ProxyFramework.Core.Plugins;

/// <summary>Where plugins are looked for.</summary>
public sealed record PluginCatalogOptions
{
    /// <summary>Folders with plugin folders, searched in this order.</summary>
    public ImmutableArray<string> Directories { get; init; } = [];

    /// <summary>Whether plugins that others than their owner can write are loaded nevertheless.</summary>
    public bool AllowInsecure { get; init; }
}
