using System.Collections.Concurrent;
using System.Collections.Frozen;
using System.Collections.Immutable;

namespace ProxyFramework.Core.Plugins;

/// <summary>
/// The schedulers by name, with the options that follow it: <c>NAME; OPTION=VALUE; OPTION</c>. Each choice is read once, however many
/// Services make it.
/// </summary>
internal sealed class SchedulerCatalog : ISchedulerCatalog
{
    /// <summary>Annotations are anyone's to write: beyond this many different ones, those before are read again when they come back.</summary>
    private const int MaxChoices = 1024;

    private readonly FrozenDictionary<string, IScheduler> _byName;
    private readonly ImmutableArray<string> _names;
    private readonly ConcurrentDictionary<string, Choice> _choices = new(StringComparer.Ordinal);

    public SchedulerCatalog(IReadOnlyDictionary<string, IScheduler> byName)
    {
        _byName = byName.ToFrozenDictionary(StringComparer.Ordinal);
        _names = [.. byName.Keys.Order(StringComparer.Ordinal)];
    }

    /// <inheritdoc/>
    public IReadOnlyCollection<string> Names => _names;

    /// <inheritdoc/>
    public IScheduler? Find(string name) => _byName.TryGetValue(name, out var scheduler) ? scheduler : Choose(name).Scheduler;

    /// <inheritdoc/>
    public string WhyNot(string name) => Choose(name).Problem ?? $"there is nothing wrong with '{name}'";

    private Choice Choose(string text)
    {
        if (_choices.TryGetValue(text, out var known))
        {
            return known;
        }

        if (_choices.Count >= MaxChoices)
        {
            _choices.Clear();
        }

        return _choices.GetOrAdd(text, Read);
    }

    private Choice Read(string text)
    {
        var name = text.Split(';')[0].Trim();
        if (!_byName.TryGetValue(name, out var scheduler))
        {
            return new(null, $"there is no scheduler '{name}'; loaded are: {string.Join(", ", Names.DefaultIfEmpty("none"))}");
        }

        try
        {
            var options = NamedChoice.Parse(text).Options;
            return options.Count == 0 ? new(scheduler, null)
                : scheduler is IConfigurableScheduler configurable ? new(configurable.WithOptions(options), null)
                : new(null, $"scheduler '{name}' has no options, but these are given: {string.Join(", ", options.Keys)}");
        }
        catch (Exception error)
        {
            // A plugin's own mistake is a message about this choice as well: nothing else is to suffer.
            return new(null, $"scheduler '{name}': {error.Message}");
        }
    }

    private sealed record Choice(IScheduler? Scheduler, string? Problem);
}
