using System.Collections.Frozen;
using System.Collections.Immutable;

namespace ProxyFramework.Core.Plugins;

/// <summary>The schedulers by name. Immutable.</summary>
internal sealed class SchedulerCatalog : ISchedulerCatalog
{
    private readonly FrozenDictionary<string, IScheduler> _byName;
    private readonly ImmutableArray<string> _names;

    public SchedulerCatalog(IReadOnlyDictionary<string, IScheduler> byName)
    {
        _byName = byName.ToFrozenDictionary(StringComparer.Ordinal);
        _names = [.. byName.Keys.Order(StringComparer.Ordinal)];
    }

    /// <inheritdoc/>
    public IReadOnlyCollection<string> Names => _names;

    /// <inheritdoc/>
    public IScheduler? Find(string name) => _byName.GetValueOrDefault(name);
}
