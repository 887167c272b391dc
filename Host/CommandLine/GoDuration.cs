using System.Buffers;
using System.Globalization;
using System.Text;

namespace ProxyFramework.Host.CommandLine;

/// <summary>
/// Durations as kube-proxy's flags and configuration write them, which is Go's <c>time.ParseDuration</c>: <c>30s</c>, <c>1m30s</c>,
/// <c>1.5h</c>, <c>100ms</c>, <c>0</c>. Negative ones are refused: no flag has a use for them.
/// </summary>
internal static class GoDuration
{
    /// <summary>What a message says was expected.</summary>
    public const string Expected = "a duration such as 30s, 1m30s or 100ms";

    private static readonly SearchValues<char> NumberCharacters = SearchValues.Create("0123456789.");

    private static readonly (string Name, decimal Ticks)[] Units =
    [
        // Longer names first, so that "ms" is not read as "m" and a stray "s".
        ("ns", 0.01m),
        ("us", TimeSpan.TicksPerMicrosecond),
        ("µs", TimeSpan.TicksPerMicrosecond),
        ("ms", TimeSpan.TicksPerMillisecond),
        ("s", TimeSpan.TicksPerSecond),
        ("m", TimeSpan.TicksPerMinute),
        ("h", TimeSpan.TicksPerHour),
    ];

    /// <summary>Reads a duration. Anything below 100 ns, the resolution of <see cref="TimeSpan"/>, is cut off.</summary>
    public static bool TryParse(string text, out TimeSpan duration)
    {
        duration = default;
        if (text == "0")
        {
            return true;
        }

        var rest = text.AsSpan();
        var ticks = 0m;
        while (!rest.IsEmpty)
        {
            if (!TryTakeNumber(ref rest, out var number) || !TryTakeUnit(ref rest, out var unit))
            {
                return false;
            }

            ticks += number * unit;
            if (ticks > long.MaxValue)
            {
                return false;
            }
        }

        duration = TimeSpan.FromTicks((long)ticks);
        return text.Length > 0;
    }

    /// <summary>Writes a duration so that <see cref="TryParse"/> reads it: <c>1m30s</c>; an infinite one is <c>infinite</c>.</summary>
    public static string Format(TimeSpan duration)
    {
        if (duration == Timeout.InfiniteTimeSpan)
        {
            return "infinite";
        }

        if (duration < TimeSpan.FromSeconds(1))
        {
            return duration == TimeSpan.Zero ? "0s" : string.Create(CultureInfo.InvariantCulture, $"{duration.TotalMilliseconds:0.####}ms");
        }

        var text = new StringBuilder();
        if (duration.TotalHours >= 1)
        {
            text.Append(CultureInfo.InvariantCulture, $"{(long)duration.TotalHours}h");
        }

        if (duration.Minutes > 0)
        {
            text.Append(CultureInfo.InvariantCulture, $"{duration.Minutes}m");
        }

        var seconds = duration.Ticks % TimeSpan.TicksPerMinute / (decimal)TimeSpan.TicksPerSecond;
        if (seconds > 0)
        {
            text.Append(CultureInfo.InvariantCulture, $"{seconds:0.#######}s");
        }

        return text.ToString();
    }

    private static bool TryTakeNumber(ref ReadOnlySpan<char> rest, out decimal number)
    {
        var length = rest.IndexOfAnyExcept(NumberCharacters);
        var digits = length < 0 ? rest : rest[..length];
        rest = rest[digits.Length..];
        return decimal.TryParse(digits, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out number)
            && number < long.MaxValue;
    }

    private static bool TryTakeUnit(ref ReadOnlySpan<char> rest, out decimal ticks)
    {
        foreach (var unit in Units)
        {
            if (rest.StartsWith(unit.Name, StringComparison.Ordinal))
            {
                rest = rest[unit.Name.Length..];
                ticks = unit.Ticks;
                return true;
            }
        }

        ticks = 0;
        return false;
    }
}
