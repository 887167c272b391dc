using System.Text.Json;

namespace ProxyFramework.Sources.Kubernetes;

/// <summary>Reads from an object's JSON the little that listing and watching need to know of it, and stops there.</summary>
internal static class JsonPeek
{
    /// <summary><c>metadata</c> of an object or a list.</summary>
    /// <param name="ResourceVersion">Empty where it is absent.</param>
    /// <param name="Continue">The token for the next page; empty where there is none.</param>
    /// <param name="EndsInitialEvents">Whether the annotation <c>k8s.io/initial-events-end</c> is <c>true</c> (KEP-3157).</param>
    public readonly record struct Metadata(string ResourceVersion, string Continue, bool EndsInitialEvents);

    /// <summary>The metadata of the object that the bytes are.</summary>
    /// <exception cref="JsonException">They are not JSON.</exception>
    public static Metadata OfObject(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json, Options);
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("metadata"u8))
            {
                reader.Read();
                return OfMetadata(ref reader);
            }

            reader.Skip();
        }

        return new("", "", false);
    }

    /// <summary>The metadata that the bytes are.</summary>
    /// <exception cref="JsonException">They are not JSON.</exception>
    public static Metadata OfMetadata(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json, Options);
        reader.Read();
        return OfMetadata(ref reader);
    }

    /// <summary>As deep as the decoder goes.</summary>
    internal static JsonReaderOptions Options => new() { MaxDepth = 500 };

    private static Metadata OfMetadata(ref Utf8JsonReader reader)
    {
        string version = "", next = "";
        var ends = false;
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            return new("", "", false);
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("resourceVersion"u8))
            {
                version = Text(ref reader);
            }
            else if (reader.ValueTextEquals("continue"u8))
            {
                next = Text(ref reader);
            }
            else if (reader.ValueTextEquals("annotations"u8))
            {
                ends = EndsInitialEvents(ref reader);
            }
            else
            {
                reader.Skip();
            }
        }

        return new(version, next, ends);
    }

    private static bool EndsInitialEvents(ref Utf8JsonReader reader)
    {
        var ends = false;
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            reader.Skip();
            return false;
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isIt = reader.ValueTextEquals("k8s.io/initial-events-end"u8);
            reader.Read();
            ends |= isIt && reader.TokenType == JsonTokenType.String && reader.ValueTextEquals("true"u8);
            reader.Skip();
        }

        return ends;
    }

    private static string Text(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (reader.TokenType == JsonTokenType.String)
        {
            return reader.GetString()!;
        }

        reader.Skip();
        return "";
    }
}
