using System.Globalization;

namespace ProxyFramework.Plugins.Schedulers;

/// <summary>The options given to a scheduler; what it does not know, or cannot read, is refused by name.</summary>
internal sealed class SchedulerOptions
{
    private readonly IReadOnlyDictionary<string, string> _given;

    /// <param name="given">What was written.</param>
    /// <param name="known">The options that there are.</param>
    /// <exception cref="ArgumentException">One is not among them.</exception>
    public SchedulerOptions(IReadOnlyDictionary<string, string> given, params string[] known)
    {
        ArgumentNullException.ThrowIfNull(given);
        _given = given;
        foreach (var name in given.Keys)
        {
            if (!known.Contains(name))
            {
                throw new ArgumentException($"there is no option '{name}', only {string.Join(", ", known)}");
            }
        }
    }

    /// <summary>An option that is on or off; off unless given.</summary>
    public bool Flag(string name) => _given.GetValueOrDefault(name, "false") switch
    {
        "true" => true,
        "false" => false,
        var other => throw new ArgumentException($"{name}: '{other}' is neither true nor false"),
    };

    /// <summary>A number within limits.</summary>
    public double Number(string name, double otherwise, double min, double max)
    {
        if (!_given.TryGetValue(name, out var text))
        {
            return otherwise;
        }

        return double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var value) && value >= min && value <= max
            ? value
            : throw new ArgumentException(string.Create(CultureInfo.InvariantCulture, $"{name}: '{text}' is not a number between {min} and {max}"));
    }

    /// <summary>A whole number within limits.</summary>
    public int WholeNumber(string name, int otherwise, int min, int max)
    {
        var value = Number(name, otherwise, min, max);
        return value == Math.Floor(value) ? (int)value : throw new ArgumentException($"{name}: '{_given[name]}' is not a whole number");
    }

    /// <summary>Whether an option has this very value.</summary>
    public bool Is(string name, string value) => _given.TryGetValue(name, out var text) && text == value;
}
