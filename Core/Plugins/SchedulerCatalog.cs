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
        var parts = text.Split(';', StringSplitOptions.TrimEntries);
        if (!_byName.TryGetValue(parts[0], out var scheduler))
        {
            return new(null, $"there is no scheduler '{parts[0]}'; loaded are: {string.Join(", ", Names.DefaultIfEmpty("none"))}");
        }

        var options = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var option in parts.AsSpan(1))
        {
            var equals = option.IndexOf('=', StringComparison.Ordinal);
            var (name, value) = equals < 0 ? (option, "true") : (option[..equals].TrimEnd(), option[(equals + 1)..].TrimStart());
            if (name.Length == 0)
            {
                continue; // a semicolon too many
            }

            if (!options.TryAdd(name.ToLowerInvariant(), value))
            {
                return new(null, $"scheduler '{parts[0]}': the option '{name}' is given twice");
            }
        }

        if (options.Count == 0)
        {
            return new(scheduler, null);
        }

        if (scheduler is not IConfigurableScheduler configurable)
        {
            return new(null, $"scheduler '{parts[0]}' has no options, but these are given: {string.Join(", ", options.Keys)}");
        }

        try
        {
            return new(configurable.WithOptions(options), null);
        }
        catch (Exception error)
        {
            // A plugin's own mistake is a message about this choice as well: nothing else is to suffer.
            return new(null, $"scheduler '{parts[0]}': {error.Message}");
        }
    }

    private sealed record Choice(IScheduler? Scheduler, string? Problem);
}
