using System.Globalization;
using System.Text;
using System.Text.Json;

namespace ProxyFramework.Core.Objects;

/// <summary>
/// Reads fields where the reader stands on the field's name, or on a list's element, and leaves it on the last token of the value,
/// whatever the value was. <c>null</c> counts as absent, as it does to the Kubernetes API.
/// </summary>
internal static class JsonFields
{
    /// <summary>The longest text of an address or a range, with room for the spaces around it that are cut off.</summary>
    private const int MaxAddressLength = 128;

    private const int MaxQuotedLength = 64;

    /// <summary>Moves to the next field of an object; false at its end.</summary>
    public static bool ReadField(this ref Utf8JsonReader reader) => reader.Read() && reader.TokenType == JsonTokenType.PropertyName;

    /// <summary>Moves to the next element of a list; false at its end.</summary>
    public static bool ReadElement(this ref Utf8JsonReader reader) => reader.Read() && reader.TokenType != JsonTokenType.EndArray;

    /// <summary>Enters an object whose place in the structure cannot hold anything else: another value refuses the whole.</summary>
    public static bool EnterObject(this ref Utf8JsonReader reader, in FieldPath field, FieldProblems problems) =>
        Enter(ref reader, JsonTokenType.StartObject, "an object", field, problems, refuse: true, out _);

    /// <inheritdoc cref="EnterObject"/>
    public static bool EnterArray(this ref Utf8JsonReader reader, in FieldPath field, FieldProblems problems) =>
        Enter(ref reader, JsonTokenType.StartArray, "a list", field, problems, refuse: true, out _);

    /// <summary>Enters an object; another value is a problem of this field alone, told by <paramref name="isSound"/>.</summary>
    public static bool TryEnterObject(this ref Utf8JsonReader reader, in FieldPath field, FieldProblems problems, out bool isSound) =>
        Enter(ref reader, JsonTokenType.StartObject, "an object", field, problems, refuse: false, out isSound);

    /// <inheritdoc cref="TryEnterObject"/>
    public static bool TryEnterArray(this ref Utf8JsonReader reader, in FieldPath field, FieldProblems problems, out bool isSound) =>
        Enter(ref reader, JsonTokenType.StartArray, "a list", field, problems, refuse: false, out isSound);

    /// <summary>Moves from a field's name to its value, if it is not there yet.</summary>
    public static void ToValue(this ref Utf8JsonReader reader)
    {
        if (reader.TokenType == JsonTokenType.PropertyName)
        {
            reader.Read();
        }
    }

    /// <summary>A string, or null where the field is absent.</summary>
    /// <returns>False where the value is not a string; the problem has been reported.</returns>
    public static bool TryReadString(this ref Utf8JsonReader reader, in FieldPath field, FieldProblems problems, out string? value)
    {
        value = null;
        if (!ExpectString(ref reader, field, problems, out var isNull))
        {
            return isNull;
        }

        value = reader.GetString();
        return true;
    }

    /// <inheritdoc cref="TryReadString(ref Utf8JsonReader, in FieldPath, FieldProblems, out string?)"/>
    public static bool TryReadString(
        this ref Utf8JsonReader reader, in FieldPath field, FieldProblems problems, InternedStrings strings, out string? value)
    {
        value = null;
        if (!ExpectString(ref reader, field, problems, out var isNull))
        {
            return isNull;
        }

        Span<char> characters = stackalloc char[256];
        value = reader.ValueSpan.Length <= characters.Length
            ? strings.Get(characters[..reader.CopyString(characters)])
            : reader.GetString();
        return true;
    }

    /// <summary>True or false, or null where the field is absent.</summary>
    public static bool TryReadBoolean(this ref Utf8JsonReader reader, in FieldPath field, FieldProblems problems, out bool? value)
    {
        reader.ToValue();
        value = reader.TokenType switch
        {
            JsonTokenType.True => true,
            JsonTokenType.False => false,
            _ => null,
        };
        if (value is not null || reader.TokenType == JsonTokenType.Null)
        {
            return true;
        }

        problems.Add(field, $"expected true or false, found {reader.SkipAndDescribe()}");
        return false;
    }

    /// <summary>A whole number in a range, or null where the field is absent.</summary>
    public static bool TryReadNumber(
        this ref Utf8JsonReader reader, in FieldPath field, FieldProblems problems, int minimum, int maximum, out int? value)
    {
        reader.ToValue();
        value = null;
        if (reader.TokenType == JsonTokenType.Null)
        {
            return true;
        }

        if (reader.TokenType == JsonTokenType.Number && reader.TryGetInt32(out var number) && number >= minimum && number <= maximum)
        {
            value = number;
            return true;
        }

        var expected = string.Create(CultureInfo.InvariantCulture, $"expected a whole number {minimum}…{maximum}, found ");
        problems.Add(field, expected + reader.SkipAndDescribe());
        return false;
    }

    /// <summary>A port 1…65535; 0 where the field is absent.</summary>
    public static bool TryReadPort(this ref Utf8JsonReader reader, in FieldPath field, FieldProblems problems, out ushort port)
    {
        var isSound = reader.TryReadNumber(field, problems, 1, ushort.MaxValue, out var number);
        port = (ushort)(number ?? 0);
        return isSound;
    }

    /// <summary>An address that something can be sent to.</summary>
    public static bool TryReadAddress(this ref Utf8JsonReader reader, in FieldPath field, FieldProblems problems, out InetAddress address)
    {
        address = default;
        Span<char> characters = stackalloc char[MaxAddressLength];
        if (!TryCopyText(ref reader, field, problems, "an IP address", characters, out var length))
        {
            return false;
        }

        var text = characters[..length];
        if (!InetAddress.TryParse(text, out address))
        {
            problems.Add(field, $"{Quote(text)} is not an IP address");
            return false;
        }

        if (address.IsUnspecified || address.IsMulticast)
        {
            problems.Add(field, $"{address} is {(address.IsMulticast ? "a multicast address" : "the unspecified address")}, nothing can be sent to it");
            return false;
        }

        return true;
    }

    /// <summary>A range of addresses. Spaces around it are cut off, as the API does in <c>loadBalancerSourceRanges</c>.</summary>
    public static bool TryReadPrefix(this ref Utf8JsonReader reader, in FieldPath field, FieldProblems problems, out InetPrefix prefix)
    {
        prefix = default;
        Span<char> characters = stackalloc char[MaxAddressLength];
        if (!TryCopyText(ref reader, field, problems, "a range of addresses", characters, out var length))
        {
            return false;
        }

        var text = characters[..length];
        if (InetPrefix.TryParse(text.Trim(), out prefix))
        {
            return true;
        }

        problems.Add(field, $"{Quote(text)} is not a range of addresses in CIDR notation");
        return false;
    }

    /// <summary>A point in time (RFC 3339), or null where the field is absent.</summary>
    public static bool TryReadTime(this ref Utf8JsonReader reader, in FieldPath field, FieldProblems problems, out DateTimeOffset? time)
    {
        time = null;
        if (!reader.TryReadString(field, problems, out var text))
        {
            return false;
        }

        if (string.IsNullOrEmpty(text))
        {
            return true;
        }

        if (TryParseTime(text, out var parsed))
        {
            time = parsed;
            return true;
        }

        problems.Add(field, $"{Quote(text)} is not a time as RFC 3339 writes it");
        return false;
    }

    /// <summary>Passes over the value and says what it was, for a message.</summary>
    public static string SkipAndDescribe(this ref Utf8JsonReader reader)
    {
        switch (reader.TokenType)
        {
            case JsonTokenType.String:
                return Quote(reader.GetString());
            case JsonTokenType.Number:
                return Shorten(Encoding.UTF8.GetString(reader.ValueSpan));
            case JsonTokenType.True:
                return "true";
            case JsonTokenType.False:
                return "false";
            case JsonTokenType.StartObject:
                reader.Skip();
                return "an object";
            case JsonTokenType.StartArray:
                reader.Skip();
                return "a list";
            default:
                return "null";
        }
    }

    /// <summary>A value from the input for a message: in quotes, shortened, without characters that a terminal would act on.</summary>
    public static string Quote(ReadOnlySpan<char> text)
    {
        var builder = new StringBuilder(MaxQuotedLength + 3).Append('\'');
        foreach (var character in text[..Math.Min(text.Length, MaxQuotedLength)])
        {
            if (char.IsControl(character) || char.GetUnicodeCategory(character) is UnicodeCategory.Format or UnicodeCategory.Surrogate)
            {
                builder.Append(CultureInfo.InvariantCulture, $"\\u{(int)character:x4}");
            }
            else
            {
                builder.Append(character);
            }
        }

        return builder.Append(text.Length > MaxQuotedLength ? "…'" : "'").ToString();
    }

    private static string Shorten(string text) => text.Length <= MaxQuotedLength ? text : text[..MaxQuotedLength] + "…";

    private static bool Enter(
        ref Utf8JsonReader reader,
        JsonTokenType expected,
        string name,
        in FieldPath field,
        FieldProblems problems,
        bool refuse,
        out bool isSound)
    {
        reader.ToValue();
        isSound = reader.TokenType == expected || reader.TokenType == JsonTokenType.Null;
        if (isSound)
        {
            return reader.TokenType == expected;
        }

        var message = $"expected {name}, found {reader.SkipAndDescribe()}";
        if (refuse)
        {
            problems.Refuse(field, message);
        }
        else
        {
            problems.Add(field, message);
        }

        return false;
    }

    private static bool ExpectString(ref Utf8JsonReader reader, in FieldPath field, FieldProblems problems, out bool isNull)
    {
        reader.ToValue();
        isNull = reader.TokenType == JsonTokenType.Null;
        if (isNull || reader.TokenType == JsonTokenType.String)
        {
            return !isNull;
        }

        problems.Add(field, $"expected a string, found {reader.SkipAndDescribe()}");
        return false;
    }

    private static bool TryCopyText(
        ref Utf8JsonReader reader, in FieldPath field, FieldProblems problems, string expected, scoped Span<char> characters, out int length)
    {
        length = 0;
        reader.ToValue();
        if (reader.TokenType != JsonTokenType.String || reader.ValueSpan.Length > characters.Length)
        {
            problems.Add(field, $"expected {expected}, found {reader.SkipAndDescribe()}");
            return false;
        }

        length = reader.CopyString(characters);
        return true;
    }

    // RFC 3339: a date, a time with seconds and any fraction, and an offset. .NET knows fractions of up to seven digits; Go writes nine.
    private static bool TryParseTime(string text, out DateTimeOffset time)
    {
        time = default;
        if (text.Length is < 20 or > 64)
        {
            return false;
        }

        var fraction = text.AsSpan(19);
        var digits = fraction[0] == '.' ? fraction[1..].IndexOfAnyExceptInRange('0', '9') : -1;
        var exact = digits > 7 ? string.Concat(text.AsSpan(0, 27), fraction[(digits + 1)..]) : text;
        return DateTimeOffset.TryParseExact(
            exact, ["yyyy-MM-dd'T'HH:mm:ssK", "yyyy-MM-dd'T'HH:mm:ss.FFFFFFFK"], CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out time)
            && (text[^1] is 'Z' or 'z' || text[^6] is '+' or '-');
    }
}
