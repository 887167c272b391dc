using System.Globalization;
using System.Text.Json;

namespace ProxyFramework.Core.Objects;

/// <summary>
/// Decodes objects of the Kubernetes API, as UTF-8 JSON, straight into the slim types, without a document in between. What cannot be
/// read costs nothing but itself: a bad address, port or range is left out and reported; only what leaves nothing to be used (no name,
/// another JSON type where the structure has an object or a list) refuses the object. Fields that are not used are passed over. The API's defaults are applied.
/// Not thread-safe; the strings it shares are.
/// </summary>
public sealed class ObjectDecoder
{
    /// <summary>Deeper than any object of the API; bounds what hostile input can make the reader do.</summary>
    internal const int MaxDepth = 500;

    private readonly FieldProblems _problems = new();
    private readonly ObjectMetadata _metadata;
    private readonly ServiceDecoder _services;
    private readonly EndpointSliceDecoder _slices;
    private readonly NodeDecoder _nodes;

    /// <summary>A decoder that shares strings that recur.</summary>
    public ObjectDecoder(InternedStrings strings)
    {
        ArgumentNullException.ThrowIfNull(strings);
        _metadata = new ObjectMetadata(strings, _problems);
        _services = new ServiceDecoder(_metadata, strings, _problems);
        _slices = new EndpointSliceDecoder(_metadata, strings, _problems);
        _nodes = new NodeDecoder(_metadata, strings, _problems);
    }

    /// <summary>How readers for this decoder are to be set up.</summary>
    internal static JsonReaderOptions ReaderOptions => new() { MaxDepth = MaxDepth };

    /// <summary>Decodes one object. Never throws for what is in <paramref name="json"/>: text that is not JSON is a refused object.</summary>
    public DecodedObject Decode(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json, ReaderOptions);
        try
        {
            reader.Read();
            var decoded = Decode(ref reader);
            reader.Read();
            return decoded;
        }
        catch (JsonException e)
        {
            return Refused(DescribeSyntaxError(e));
        }
    }

    /// <summary>
    /// Decodes the object on whose first token the reader stands (an item of a list, the object of a watch event), and leaves the
    /// reader on its last.
    /// </summary>
    /// <exception cref="JsonException">It is not JSON.</exception>
    public DecodedObject Decode(ref Utf8JsonReader reader) => Decode(ref reader, default);

    /// <inheritdoc cref="Decode(ref Utf8JsonReader)"/>
    /// <param name="reader">Stands on the object's first token.</param>
    /// <param name="apiVersion">What the object is of where it does not say so, as items of a <c>ServiceList</c> do not.</param>
    /// <param name="kind">What the object is where it does not say so.</param>
    public DecodedObject Decode(ref Utf8JsonReader reader, string apiVersion, string kind) => Decode(ref reader, new ObjectType(apiVersion, kind));

    /// <inheritdoc cref="Decode(ref Utf8JsonReader)"/>
    /// <param name="reader">Stands on the object's first token.</param>
    /// <param name="assumed">What the object is where it does not say so.</param>
    internal DecodedObject Decode(ref Utf8JsonReader reader, ObjectType assumed)
    {
        var start = reader;
        try
        {
            return DecodeChecked(ref reader, assumed);
        }
        catch (InvalidOperationException)
        {
            // The reader checks the text of a string only when it is read: bytes that are not UTF-8, half of a surrogate pair.
            reader = start;
            reader.Skip();
            return Refused("holds text that is not Unicode");
        }
    }

    /// <summary>What is wrong with the JSON, and where.</summary>
    internal static string DescribeSyntaxError(JsonException e)
    {
        var details = e.Message.IndexOf(" LineNumber:", StringComparison.Ordinal);
        var message = details < 0 ? e.Message : e.Message[..details];
        return string.Create(
            CultureInfo.InvariantCulture, $"is not JSON: line {e.LineNumber + 1}, byte {e.BytePositionInLine + 1}: {message}");
    }

    private static DecodedObject Refused(string message) => new()
    {
        ApiVersion = "",
        Kind = "",
        Name = new NamespacedName("", ""),
        Problems = [new FieldProblem("", message)],
    };

    private DecodedObject DecodeChecked(ref Utf8JsonReader reader, ObjectType assumed)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            return Refused($"expected an object, found {reader.SkipAndDescribe()}");
        }

        _problems.Clear();
        _metadata.Clear();
        var type = ObjectType.Peek(reader, assumed);
        object? value = null;
        var isOther = false;
        if (type.IsService)
        {
            value = _services.Decode(ref reader);
        }
        else if (type.IsEndpointSlice)
        {
            value = _slices.Decode(ref reader);
        }
        else if (type.IsNode)
        {
            value = _nodes.Decode(ref reader);
        }
        else
        {
            DecodeName(ref reader);
            isOther = !RefuseType(type);
        }

        var name = _metadata.NamespacedName;
        return new DecodedObject
        {
            ApiVersion = type.ApiVersion,
            Kind = type.Kind,
            Name = type.IsNode ? name with { Namespace = "" } : name,
            Value = value,
            IsOtherKind = isOther,
            Problems = isOther ? [] : _problems.ToImmutable(),
        };
    }

    private bool RefuseType(ObjectType type)
    {
        if (type.Kind.Length == 0)
        {
            _problems.Refuse("kind", "is missing");
        }
        else if (type.ApiVersion.Length == 0)
        {
            _problems.Refuse("apiVersion", "is missing");
        }
        else if (type.SupportedVersion is { } supported)
        {
            _problems.Refuse("apiVersion", $"{JsonFields.Quote(type.ApiVersion)} is not supported: use {supported}");
        }
        else
        {
            return false;
        }

        return true;
    }

    // Of an object that is not used, the name is wanted for messages; whatever else is in it is nobody's business here.
    private void DecodeName(ref Utf8JsonReader reader)
    {
        while (reader.ReadField())
        {
            if (reader.ValueTextEquals("metadata"u8))
            {
                _metadata.Decode(ref reader);
            }
            else
            {
                reader.Skip();
            }
        }

        _problems.Clear();
    }
}
