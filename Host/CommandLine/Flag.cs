using System.CommandLine;
using System.Globalization;

namespace ProxyFramework.Host.CommandLine;

/// <summary>
/// The kinds of flags that there are. Each reads its value as kube-proxy reads the flag of that name, and names the flag, the value
/// and what was expected where it cannot.
/// </summary>
internal static class Flag
{
    /// <summary>A word; the last one given counts, as in kube-proxy.</summary>
    public static Option<string?> Text(string name, string valueName, string description, string? byDefault = null, params string[] aliases) =>
        Single(name, valueName, description, aliases, byDefault, (string text, out string? value) => (value = text).Length > 0, "a value");

    /// <summary>A duration in Go's syntax, within limits; null where it is not given.</summary>
    public static Option<TimeSpan?> Duration(
        string name, string description, TimeSpan byDefault, TimeSpan least, TimeSpan most, bool canBeInfinite = false) =>
        Single(
            name,
            "DURATION",
            $"{description} [default: {GoDuration.Format(byDefault)}]",
            [],
            null,
            (string text, out TimeSpan? value) =>
            {
                value = Timeout.InfiniteTimeSpan;
                if (canBeInfinite && text == "infinite")
                {
                    return true;
                }

                var isDuration = GoDuration.TryParse(text, out var duration);
                value = duration;
                return isDuration && duration >= least && duration <= most;
            },
            $"{GoDuration.Expected}, from {GoDuration.Format(least)} to {GoDuration.Format(most)}{(canBeInfinite ? ", or infinite" : "")}");

    /// <summary>Whole numbers from 0.</summary>
    public static Option<int> Level(string name, string description, int byDefault, params string[] aliases) =>
        Single(
            name,
            "LEVEL",
            description,
            aliases,
            byDefault,
            (string text, out int value) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value),
            "a whole number from 0");

    /// <summary>A whole number within limits; null where it is not given.</summary>
    public static Option<int?> Number(string name, string description, int least, int most) =>
        Single(
            name,
            "NUMBER",
            description,
            [],
            null,
            (string text, out int? value) =>
            {
                var isNumber = int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number);
                value = number;
                return isNumber && number >= least && number <= most;
            },
            string.Create(CultureInfo.InvariantCulture, $"a whole number from {least} to {most}"));

    /// <summary>One of a few words, in any case.</summary>
    public static Option<T> OneOf<T>(string name, string description, T byDefault, params (string Word, T Value)[] words) =>
        Single(
            name,
            string.Join('|', words.Select(word => word.Word)),
            description,
            [],
            byDefault,
            (string text, out T value) =>
            {
                var found = Array.FindIndex(words, word => word.Word.Equals(text, StringComparison.OrdinalIgnoreCase));
                value = found < 0 ? byDefault : words[found].Value;
                return found >= 0;
            },
            "one of " + string.Join(", ", words.Select(word => word.Word)));

    /// <summary>Where an HTTP server listens, to be read with <see cref="ReadAddress"/>.</summary>
    public static Option<BindAddress?> Address(string name, string description, BindAddress byDefault)
    {
        var option = Single(
            name,
            "ADDRESS:PORT",
            $"{description} [default: {byDefault}]",
            [],
            null,
            (string text, out BindAddress? value) => BindAddress.TryParse(text, byDefault.Port, out value),
            BindAddress.Expected);

        // "--flag=" arrives without a value, and is how kube-proxy's users switch a server off.
        option.Arity = ArgumentArity.ZeroOrOne;
        return option;
    }

    /// <summary>The value of an <see cref="Address"/>; null where the server is switched off, which is another thing than a flag that is not given.</summary>
    public static BindAddress? ReadAddress(ParseResult parsed, Option<BindAddress?> option, BindAddress byDefault) =>
        parsed.GetResult(option) is null ? byDefault : parsed.GetValue(option);

    /// <summary>A switch: alone, or with <c>=true</c> or <c>=false</c>.</summary>
    public static Option<bool> Switch(string name, string description) => new(name) { Description = description };

    /// <summary>Values separated by commas, or the flag several times.</summary>
    public static Option<string[]> List(string name, string valueName, string description, Func<string, bool> isValid, string expected) =>
        Repeated(name, valueName, description, values => values.SelectMany(value => value.Split(',', StringSplitOptions.TrimEntries)), isValid, expected);

    /// <summary>A path; the flag can be given several times. Commas are part of the path.</summary>
    public static Option<string[]> Paths(string name, string description) =>
        Repeated(name, "PATH", description, values => values, path => path.Length > 0, "a path");

    /// <summary><c>--set KEY=VALUE</c>; the flag can be given several times.</summary>
    public static Option<string[]> Settings() =>
        Repeated(
            "--set",
            "KEY=VALUE",
            "A setting of a backend, such as userspace:connect-timeout=2s; repeatable",
            values => values,
            text => text.IndexOf('=') > 0,
            "KEY=VALUE such as userspace:connect-timeout=2s");

    /// <summary>The keys and values of <see cref="Settings"/>.</summary>
    public static IReadOnlyList<KeyValuePair<string, string?>> ReadSettings(string[]? assignments) =>
        [.. (assignments ?? []).Select(text => text.Split('=', 2)).Select(pair => KeyValuePair.Create(pair[0], (string?)pair[1]))];

    private delegate bool TryRead<T>(string text, out T value);

    private static Option<T> Single<T>(
        string name, string valueName, string description, string[] aliases, T byDefault, TryRead<T> read, string expected) =>
        new(name, aliases)
        {
            Description = description,
            HelpName = valueName,
            Arity = ArgumentArity.ExactlyOne,
            DefaultValueFactory = byDefault is null ? null : _ => byDefault,
            CustomParser = result =>
            {
                var text = result.Tokens is [.., var last] ? last.Value : "";
                if (!read(text, out var value))
                {
                    result.AddError($"{name}: '{text}' is not valid; expected {expected}");
                }

                return value;
            },
        };

    private static Option<string[]> Repeated(
        string name,
        string valueName,
        string description,
        Func<IEnumerable<string>, IEnumerable<string>> split,
        Func<string, bool> isValid,
        string expected) =>
        new(name)
        {
            Description = description,
            HelpName = valueName,
            Arity = ArgumentArity.OneOrMore,
            AllowMultipleArgumentsPerToken = false,
            DefaultValueFactory = _ => [],
            CustomParser = result =>
            {
                var values = split(result.Tokens.Select(token => token.Value)).ToArray();
                foreach (var value in values.Where(value => !isValid(value)))
                {
                    result.AddError($"{name}: '{value}' is not valid; expected {expected}");
                }

                return values;
            },
        };
}
