using System.Buffers;
using System.Globalization;
using System.Text.Json;

namespace ProxyFramework.Core.Sources.Manifests;

/// <summary>
/// Gives plain scalars the types that kubectl gives them: its library reads YAML 1.1's booleans (<c>yes</c>, <c>on</c>, <c>y</c>) and
/// octal numbers (<c>0644</c>), leaves dates and sexagesimal numbers as strings, and everything else as YAML 1.2's core schema has it.
/// Infinity and not-a-number, which JSON has no form for, stay strings.
/// </summary>
internal static class YamlScalar
{
    private static readonly SearchValues<char> FloatCharacters = SearchValues.Create("0123456789+-.eE");

    /// <summary>Writes the scalar as the JSON value that it stands for.</summary>
    public static void Write(Utf8JsonWriter writer, string text)
    {
        switch (text)
        {
            case "" or "~" or "null" or "Null" or "NULL":
                writer.WriteNullValue();
                return;
            case "true" or "True" or "TRUE" or "yes" or "Yes" or "YES" or "on" or "On" or "ON" or "y" or "Y":
                writer.WriteBooleanValue(true);
                return;
            case "false" or "False" or "FALSE" or "no" or "No" or "NO" or "off" or "Off" or "OFF" or "n" or "N":
                writer.WriteBooleanValue(false);
                return;
        }

        if (text[0] is not ((>= '0' and <= '9') or '+' or '-' or '.') || !TryWriteNumber(writer, text))
        {
            writer.WriteStringValue(text);
        }
    }

    private static bool TryWriteNumber(Utf8JsonWriter writer, string text)
    {
        // Underscores may separate digits.
        var plain = text.Contains('_') ? text.Replace("_", "", StringComparison.Ordinal) : text;
        if (TryParseInteger(plain, out var integer))
        {
            writer.WriteNumberValue(integer);
            return true;
        }

        if (!IsFloat(plain) || !double.TryParse(plain, NumberStyles.Float, CultureInfo.InvariantCulture, out var number)
            || !double.IsFinite(number))
        {
            return false;
        }

        writer.WriteNumberValue(number);
        return true;
    }

    private static bool TryParseInteger(ReadOnlySpan<char> text, out long value)
    {
        value = 0;
        var isNegative = text.StartsWith('-');
        var digits = isNegative || text.StartsWith('+') ? text[1..] : text;
        if (digits.IsEmpty)
        {
            return false;
        }

        var numberBase = digits.Length < 2 || digits[0] != '0' ? 10 : digits[1] switch
        {
            'x' or 'X' => 16,
            'b' or 'B' => 2,
            _ => 8,
        };
        digits = numberBase switch
        {
            10 => digits,
            8 => digits[(digits[1] is 'o' or 'O' ? 2 : 1)..],
            _ => digits[2..],
        };
        if (digits.IsEmpty)
        {
            return false;
        }

        foreach (var character in digits)
        {
            var digit = character switch
            {
                >= '0' and <= '9' => character - '0',
                >= 'a' and <= 'f' => character - 'a' + 10,
                >= 'A' and <= 'F' => character - 'A' + 10,
                _ => numberBase,
            };
            if (digit >= numberBase || value > (long.MaxValue - digit) / numberBase)
            {
                return false;
            }

            value = (value * numberBase) + digit;
        }

        value = isNegative ? -value : value;
        return true;
    }

    // As go-yaml has it: digits with at most one point, or a point and digits, and an exponent.
    private static bool IsFloat(ReadOnlySpan<char> text)
    {
        if (text.ContainsAnyExcept(FloatCharacters))
        {
            return false;
        }

        var mantissa = text[0] is '+' or '-' ? text[1..] : text;
        return !mantissa.IsEmpty && (char.IsAsciiDigit(mantissa[0]) || (mantissa.Length > 1 && mantissa[0] == '.' && char.IsAsciiDigit(mantissa[1])));
    }
}
