using System.Collections.Immutable;

namespace ProxyFramework.Core.Plugins;

/// <summary>What is known of one plugin folder: what it brought, or why it was refused.</summary>
public sealed record PluginInfo
{
    /// <summary>The folder's name, which is the assembly's as well.</summary>
    public required string Name { get; init; }

    /// <summary>The assembly's path, <c>DIR/NAME/NAME.dll</c>, whether or not it is there.</summary>
    public required string Path { get; init; }

    /// <summary>The simple name in the assembly's metadata; null where that could not be read.</summary>
    public string? AssemblyName { get; init; }

    /// <summary>The plugin's own version; null where the metadata could not be read.</summary>
    public Version? Version { get; init; }

    /// <summary>The version of the contract that it was built for; null where it references none.</summary>
    public Version? ContractVersion { get; init; }

    /// <summary>Whether it was loaded and brought at least one backend, scheduler or health check.</summary>
    public bool IsLoaded { get; init; }

    /// <summary>What is wrong with it and what to do, one message each. A loaded plugin can have some too.</summary>
    public ImmutableArray<string> Problems { get; init; } = [];

    /// <summary>The names of the backends that it brought, ordered.</summary>
    public ImmutableArray<string> Backends { get; init; } = [];

    /// <summary>The names of the schedulers that it brought, ordered.</summary>
    public ImmutableArray<string> Schedulers { get; init; } = [];

    /// <summary>The names of the health checks that it brought, ordered.</summary>
    public ImmutableArray<string> HealthChecks { get; init; } = [];
}
