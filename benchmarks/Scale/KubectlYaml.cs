using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace ProxyFramework.Benchmarks.Scale;

/// <summary>Writes YAML in the form of <c>kubectl get -o yaml</c>: block style, lists not indented, quotes only where a scalar needs them.</summary>
internal static class KubectlYaml
{
    /// <summary>Writes a mapping.</summary>
    public static void Write(StringBuilder text, JsonObject mapping) => Write(text, mapping, indent: 0, isFirstIndented: false);

    private static void Write(StringBuilder text, JsonObject mapping, int indent, bool isFirstIndented)
    {
        foreach (var (key, value) in mapping)
        {
            text.Append(' ', isFirstIndented ? 0 : indent).Append(key).Append(':');
            isFirstIndented = false;
            switch (value)
            {
                case JsonObject { Count: > 0 } inner:
                    text.Append('\n');
                    Write(text, inner, indent + 2, isFirstIndented: false);
                    break;
                case JsonArray { Count: > 0 } items:
                    text.Append('\n');
                    Write(text, items, indent);
                    break;
                default:
                    text.Append(' ').Append(Scalar(value)).Append('\n');
                    break;
            }
        }
    }

    private static void Write(StringBuilder text, JsonArray items, int indent)
    {
        foreach (var item in items)
        {
            text.Append(' ', indent).Append("- ");
            if (item is JsonObject mapping)
            {
                Write(text, mapping, indent + 2, isFirstIndented: true);
            }
            else
            {
                text.Append(Scalar(item)).Append('\n');
            }
        }
    }

    private static string Scalar(JsonNode? value) => value switch
    {
        JsonObject => "{}",
        JsonArray => "[]",
        JsonValue text when text.GetValueKind() == JsonValueKind.String && NeedsQuotes(text.GetValue<string>()) => $"\"{text.GetValue<string>()}\"",
        JsonValue text when text.GetValueKind() == JsonValueKind.String => text.GetValue<string>(),
        _ => value?.ToJsonString() ?? "null",
    };

    // What a reader would take for a number, a date or nothing. An address is none of them.
    private static bool NeedsQuotes(string text) => text.Length == 0 || (char.IsAsciiDigit(text[0]) && !IPAddress.TryParse(text, out _)) || long.TryParse(text, out _);
}
