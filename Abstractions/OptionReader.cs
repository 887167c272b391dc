using System.Buffers;
using System.Globalization;
using Microsoft.Extensions.Configuration;

namespace ProxyFramework;

/// <summary>
/// Reads the options that follow a name, <c>NAME; OPTION=VALUE; OPTION</c>, for whoever is chosen so (<see cref="IConfigurableScheduler"/>,
/// <see cref="IHealthCheck"/>), and the settings of a backend (<see cref="ReadSettings"/>). What is not known or cannot be read is refused
/// by name.
/// </summary>
public sealed class OptionReader
{
    private static readonly (string Name, double Milliseconds)[] Units = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];

    private static readonly SearchValues<char> NumberCharacters = SearchValues.Create("0123456789.");

    private readonly IReadOnlyDictionary<string, string> _given;

    /// <summary>Takes what is wrong, so that all of it can be told at once; null where the first is thrown.</summary>
    private readonly List<string>? _problems;

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

    private OptionReader(IReadOnlyDictionary<string, string> given, List<string> problems) => (_given, _problems) = (given, problems);

    /// <summary>Reads the settings of a backend.</summary>
    /// <param name="section"><see cref="BackendContext.Settings"/>.</param>
    /// <param name="mode">The backend's name, for messages.</param>
    /// <param name="known">The settings that there are.</param>
    /// <param name="read">Reads them.</param>
    /// <exception cref="BackendException">Settings that are unknown or invalid; all of them are named.</exception>
    public static T ReadSettings<T>(IConfiguration section, string mode, IReadOnlyCollection<string> known, Func<OptionReader, T> read)
    {
        ArgumentNullException.ThrowIfNull(section);
        ArgumentNullException.ThrowIfNull(read);
        var given = section.GetChildren().ToDictionary(static setting => setting.Key.ToLowerInvariant(), static setting => setting.Value ?? "");
        var problems = given.Keys.Where(name => !known.Contains(name))
            .Select(name => $"{name}: this mode has no such setting; it has {string.Join(", ", known)}").ToList();
        var settings = read(new OptionReader(given, problems));
        return problems.Count == 0 ? settings : throw new BackendException(string.Join("; ", problems.Select(problem => $"{mode}:{problem}")));
    }

    /// <summary>A text; null unless given.</summary>
    public string? Text(string name) => _given.GetValueOrDefault(name);

    /// <summary>Whatever <paramref name="parse"/> makes of a text.</summary>
    /// <param name="name">The option.</param>
    /// <param name="otherwise">What it is unless given.</param>
    /// <param name="parse">Reads it; a <see cref="FormatException"/> says what is wrong with it.</param>
    /// <exception cref="ArgumentException">It cannot be read.</exception>
    public T Value<T>(string name, T otherwise, Func<string, T> parse)
    {
        ArgumentNullException.ThrowIfNull(parse);
        if (!_given.TryGetValue(name, out var text))
        {
            return otherwise;
        }

        try
        {
            return parse(text);
        }
        catch (FormatException problem)
        {
            var message = $"{name}: {problem.Message}";
            if (_problems is null)
            {
                throw new ArgumentException(message, problem);
            }

            _problems.Add(message);
            return otherwise;
        }
    }

    /// <summary>An option that is on or off.</summary>
    /// <exception cref="ArgumentException">It is neither.</exception>
    public bool Flag(string name, bool otherwise = false) => Value(name, otherwise, static text =>
        bool.TryParse(text, out var value) ? value : throw new FormatException($"'{text}' is neither true nor false"));

    /// <summary>A number within limits.</summary>
    /// <exception cref="ArgumentException">It is none, or beyond them.</exception>
    public double Number(string name, double otherwise, double min, double max) => Value(name, otherwise, text =>
        double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var value) && value >= min && value <= max
            ? value
            : throw new FormatException(string.Create(CultureInfo.InvariantCulture, $"'{text}' is not a number between {min} and {max}")));

    /// <summary>A whole number within limits.</summary>
    /// <exception cref="ArgumentException">It is none, or beyond them.</exception>
    public int WholeNumber(string name, int otherwise, int min, int max) => Value(name, otherwise, text =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value) && value >= min && value <= max
            ? value
            : throw new FormatException(string.Create(CultureInfo.InvariantCulture, $"'{text}' is not a whole number between {min} and {max}")));

    /// <summary>A duration within limits, written <c>250ms</c>, <c>5s</c>, <c>1m30s</c>, <c>0</c> or <c>hh:mm:ss</c>.</summary>
    /// <exception cref="ArgumentException">It is none, or beyond them.</exception>
    public TimeSpan Duration(string name, TimeSpan otherwise, TimeSpan min, TimeSpan max) => Value(name, otherwise, text =>
        TryParseDuration(text, out var value) && value >= min && value <= max
            ? value
            : throw new FormatException(string.Create(
                CultureInfo.InvariantCulture, $"'{text}' is not a duration between {min.TotalSeconds}s and {max.TotalSeconds}s, such as 5s or 250ms")));

    /// <summary>Reads a duration as Kubernetes writes it (<c>1m30s</c>, <c>250ms</c>), or <c>hh:mm:ss</c>. Never negative, at most a year a unit.</summary>
    public static bool TryParseDuration(string text, out TimeSpan duration)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (text.Contains(':', StringComparison.Ordinal))
        {
            return TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out duration) && duration >= TimeSpan.Zero;
        }

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
