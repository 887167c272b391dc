using System.Text.Json;

namespace ProxyFramework.Sources.Kubernetes;

/// <summary>What an event of a watch says.</summary>
internal enum WatchEventType
{
    /// <summary>The object is now so.</summary>
    Upserted,

    /// <summary>The object is gone, or not selected any more.</summary>
    Deleted,

    /// <summary>Nothing but how far the watch has come.</summary>
    Bookmark,

    /// <summary>The watch has failed; the object is a Status.</summary>
    Error,

    /// <summary>A type that is not known; newer servers may have it.</summary>
    Unknown,
}

/// <summary>The body of a watch: JSON objects, each on its own line.</summary>
/// <param name="buffer">The bytes.</param>
internal sealed class WatchBody(ReceiveBuffer buffer)
{
    private int _looked;

    /// <summary>What is done with an event.</summary>
    public delegate void TakeEvent(WatchEventType type, ReadOnlySpan<byte> json);

    /// <summary>Hands over each event that has come as a whole.</summary>
    /// <exception cref="JsonException">It is not JSON, or the body ends in the middle of an event.</exception>
    public void Read(TakeEvent take)
    {
        while (true)
        {
            var unread = buffer.Unread;
            var length = unread[_looked..].IndexOf((byte)'\n');
            if (length < 0)
            {
                _looked = unread.Length;
                break;
            }

            var line = unread[..(_looked + length)];
            _looked = 0;
            if (!line.Trim((byte)'\r').IsEmpty)
            {
                ReadLine(line, take);
            }

            buffer.Advance(line.Length + 1);
        }

        if (buffer.IsAtEnd && !buffer.Unread.IsEmpty)
        {
            throw new JsonException("the watch was cut in the middle of an event");
        }
    }

    private static void ReadLine(ReadOnlySpan<byte> line, TakeEvent take)
    {
        var reader = new Utf8JsonReader(line, JsonPeek.Options);
        var type = WatchEventType.Unknown;
        int start = 0, end = 0;
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
        {
            throw new JsonException("an event of a watch is an object");
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("type"u8))
            {
                reader.Read();
                type = TypeOf(ref reader);
            }
            else if (reader.ValueTextEquals("object"u8))
            {
                reader.Read();
                start = (int)reader.TokenStartIndex;
                reader.Skip();
                end = (int)reader.BytesConsumed;
            }
            else
            {
                reader.Skip();
            }
        }

        // What follows the object would be the next event, on the same line.
        reader.Read();
        if (end == 0)
        {
            throw new JsonException("an event of a watch has an object");
        }

        take(type, line[start..end]);
    }

    private static WatchEventType TypeOf(ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.String)
        {
            throw new JsonException("the type of an event is a string");
        }

        return reader.ValueTextEquals("ADDED"u8) || reader.ValueTextEquals("MODIFIED"u8) ? WatchEventType.Upserted
            : reader.ValueTextEquals("DELETED"u8) ? WatchEventType.Deleted
            : reader.ValueTextEquals("BOOKMARK"u8) ? WatchEventType.Bookmark
            : reader.ValueTextEquals("ERROR"u8) ? WatchEventType.Error
            : WatchEventType.Unknown;
    }
}
