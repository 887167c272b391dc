using System.Collections.Immutable;

namespace ProxyFramework.Core.Plugins;

/// <summary>Where plugins are looked for.</summary>
public sealed record PluginCatalogOptions
{
    /// <summary>Folders with plugin folders, searched in this order.</summary>
    public ImmutableArray<string> Directories { get; init; } = [];

    /// <summary>Whether plugins that others than their owner can write are loaded nevertheless.</summary>
    public bool AllowInsecure { get; init; }

    /// <summary>How long the constructor of one type may take before the type is refused.</summary>
    public TimeSpan ConstructionLimit { get; init; } = TimeSpan.FromSeconds(10);
}
