using System.Buffers;
using System.Globalization;

namespace ProxyFramework;

/// <summary>
/// Reads the options that follow a name, <c>NAME; OPTION=VALUE; OPTION</c>, for whoever is chosen so (<see cref="IConfigurableScheduler"/>,
/// <see cref="IHealthCheck"/>). What is not known or cannot be read is refused by name.
/// </summary>
public sealed class OptionReader
{
    private static readonly (string Name, double Milliseconds)[] Units = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];

    private static readonly SearchValues<char> NumberCharacters = SearchValues.Create("0123456789.");

    private readonly IReadOnlyDictionary<string, string> _given;

    /// <summary>Takes what was given.</summary>
    /// <param name="given">What was written: names in lower case, an option without a value as <c>true</c>.</param>
    /// <param name="known">The options that there are.</param>
    /// <exception cref="ArgumentException">One is not among them; the message, for the operator, names it and those that there are.</exception>
    public OptionReader(IReadOnlyDictionary<string, string> given, params string[] known)
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

    /// <summary>A text; null unless given.</summary>
    public string? Text(string name) => _given.GetValueOrDefault(name);

    /// <summary>An option that is on or off; off unless given.</summary>
    /// <exception cref="ArgumentException">It is neither.</exception>
    public bool Flag(string name) => _given.GetValueOrDefault(name, "false") switch
    {
        "true" => true,
        "false" => false,
        var other => throw new ArgumentException($"{name}: '{other}' is neither true nor false"),
    };

    /// <summary>A number within limits.</summary>
    /// <exception cref="ArgumentException">It is none, or beyond them.</exception>
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
    /// <exception cref="ArgumentException">It is none, or beyond them.</exception>
    public int WholeNumber(string name, int otherwise, int min, int max)
    {
        var value = Number(name, otherwise, min, max);
        return value == Math.Floor(value) ? (int)value : throw new ArgumentException($"{name}: '{_given[name]}' is not a whole number");
    }

    /// <summary>A duration within limits, written <c>250ms</c>, <c>5s</c>, <c>1m30s</c> or <c>0</c>.</summary>
    /// <exception cref="ArgumentException">It is none, or beyond them.</exception>
    public TimeSpan Duration(string name, TimeSpan otherwise, TimeSpan min, TimeSpan max)
    {
        if (!_given.TryGetValue(name, out var text))
        {
            return otherwise;
        }

        return TryParseDuration(text, out var value) && value >= min && value <= max
            ? value
            : throw new ArgumentException(string.Create(
                CultureInfo.InvariantCulture, $"{name}: '{text}' is not a duration between {min.TotalSeconds}s and {max.TotalSeconds}s, such as 5s or 250ms"));
    }

    private static bool TryParseDuration(string text, out TimeSpan duration)
    {
        duration = TimeSpan.Zero;
        var rest = text.AsSpan();
        while (rest is not ("" or "0"))
        {
            var letters = rest.IndexOfAnyExcept(NumberCharacters);
            if (letters <= 0 || !double.TryParse(rest[..letters], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number))
            {
                return false;
            }

            rest = rest[letters..];
            var end = rest.IndexOfAny(NumberCharacters);
            var unit = end < 0 ? rest : rest[..end];
            rest = rest[unit.Length..];
            var milliseconds = 0.0;
            foreach (var (name, length) in Units)
            {
                milliseconds = unit.SequenceEqual(name) ? length : milliseconds;
            }

            if (milliseconds == 0 || number * milliseconds > TimeSpan.FromDays(365).TotalMilliseconds)
            {
                return false;
            }

            duration += TimeSpan.FromMilliseconds(number * milliseconds);
        }

        return text.Length > 0;
    }
}
