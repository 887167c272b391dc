using System.Text.Json;

namespace ProxyFramework.Sources.Kubernetes;

/// <summary>
/// The body of a list, read as it comes: each item is handed over as soon as its last byte is there, so a list of any length takes the
/// memory of one object.
/// </summary>
/// <param name="buffer">The bytes.</param>
internal sealed class ListBody(ReceiveBuffer buffer)
{
    private JsonReaderState _state = new(JsonPeek.Options);
    private Place _place = Place.Start;

    /// <summary>What is done with the JSON of an item.</summary>
    public delegate void TakeItem(ReadOnlySpan<byte> json);

    private enum Place
    {
        Start,
        Fields,
        Items,
        End,
    }

    /// <summary>The list's metadata; known at the end.</summary>
    public JsonPeek.Metadata Metadata { get; private set; }

    /// <summary>Whether the whole list has been read.</summary>
    public bool IsComplete => _place == Place.End;

    /// <summary>Reads what has come. Call again when there is more, until <see cref="IsComplete"/>.</summary>
    /// <exception cref="JsonException">It is not JSON, or it ends too early.</exception>
    public void Read(TakeItem take)
    {
        var json = buffer.Unread;
        var reader = new Utf8JsonReader(json, isFinalBlock: buffer.IsAtEnd, _state);
        while (_place != Place.End)
        {
            // What is not whole yet is read again, from its start, when more has come.
            var start = reader;
            if (!TryStep(ref reader, json, take))
            {
                reader = start;
                break;
            }
        }

        _state = reader.CurrentState;
        buffer.Advance((int)reader.BytesConsumed);
        if (buffer.IsAtEnd && _place != Place.End)
        {
            throw new JsonException("the list ends in the middle");
        }
    }

    private bool TryStep(ref Utf8JsonReader reader, ReadOnlySpan<byte> json, TakeItem take)
    {
        if (!reader.Read())
        {
            return false;
        }

        switch (_place)
        {
            case Place.Start:
                _place = reader.TokenType == JsonTokenType.StartObject ? Place.Fields : throw new JsonException("a list is an object");
                return true;
            case Place.Fields when reader.TokenType == JsonTokenType.EndObject:
                _place = Place.End;
                return true;
            case Place.Fields:
                return TryReadField(ref reader, json);
            case Place.Items when reader.TokenType == JsonTokenType.EndArray:
                _place = Place.Fields;
                return true;
            default:
                var itemStart = (int)reader.TokenStartIndex;
                if (!reader.TrySkip())
                {
                    return false;
                }

                take(json[itemStart..(int)reader.BytesConsumed]);
                return true;
        }
    }

    private bool TryReadField(ref Utf8JsonReader reader, ReadOnlySpan<byte> json)
    {
        var isItems = reader.ValueTextEquals("items"u8);
        var isMetadata = reader.ValueTextEquals("metadata"u8);
        if (!reader.Read())
        {
            return false;
        }

        if (isItems && reader.TokenType == JsonTokenType.StartArray)
        {
            _place = Place.Items;
            return true;
        }

        var start = (int)reader.TokenStartIndex;
        if (!reader.TrySkip())
        {
            return false;
        }

        if (isMetadata)
        {
            Metadata = JsonPeek.OfMetadata(json[start..(int)reader.BytesConsumed]);
        }

        return true;
    }
}
