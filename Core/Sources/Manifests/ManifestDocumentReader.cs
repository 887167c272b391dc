using System.Globalization;
using System.Text;
using System.Text.Json;
using ProxyFramework.Core.Objects;
using YamlDotNet.Core;

namespace ProxyFramework.Core.Sources.Manifests;

/// <summary>Reads documents of a file, one after another. Not thread-safe; each thread has its own.</summary>
internal sealed class ManifestDocumentReader(InternedStrings strings)
{
    private readonly ObjectDecoder _decoder = new(strings);
    private readonly YamlTranscoder _transcoder = new();

    /// <summary>Reads one YAML document.</summary>
    public void ReadYaml(string file, ReadOnlySpan<char> text, YamlDocument document, ManifestContents contents)
    {
        var place = new ManifestPlace(document.Number, document.Line);
        var yaml = text.Slice(document.Start, document.Length);
        if (yaml.TrimStart() is ['{', ..] && TryReadAsJson(file, yaml, place, contents))
        {
            return;
        }

        try
        {
            var json = _transcoder.Transcode(yaml.ToString());
            if (!json.IsEmpty)
            {
                var reader = new Utf8JsonReader(json, ObjectDecoder.ReaderOptions);
                reader.Read();
                ReadObject(ref reader, file, place, contents);
            }
        }
        catch (YamlException e)
        {
            var line = document.Line + e.Start.Line - 1;
            Refuse(
                file, place, contents, string.Create(CultureInfo.InvariantCulture, $"line {line}, column {e.Start.Column}: {e.Message}"));
        }
        catch (Exception e)
        {
            // Whatever a library makes of hostile text, it is the text's fault, and costs this document alone.
            Refuse(file, place, contents, $"is not YAML: {e.Message}");
        }
    }

    /// <summary>Reads what a document is a list of.</summary>
    /// <param name="header">The document without its items.</param>
    /// <returns>Null where it is no list, has other items too, or cannot be read.</returns>
    public ObjectType? ReadListType(string header)
    {
        try
        {
            var reader = new Utf8JsonReader(_transcoder.Transcode(header), ObjectDecoder.ReaderOptions);
            return reader.Read() && reader.TokenType == JsonTokenType.StartObject && ObjectType.Peek(reader, default) is { IsList: true } list
                && !Find(ref reader, "items"u8) ? list : null;
        }
        catch (Exception)
        {
            return null;
        }
    }

    /// <summary>Reads a run of a list's items.</summary>
    /// <param name="file">The file.</param>
    /// <param name="text">A YAML sequence.</param>
    /// <param name="list">What it is a list of.</param>
    /// <param name="count">How many items there have to be.</param>
    /// <param name="first">The place of the first.</param>
    /// <param name="contents">Takes the items; it is of no use where false is returned.</param>
    /// <returns>Whether it could be read; what is wrong, and where, the whole document has to tell.</returns>
    public bool TryReadItems(string file, ReadOnlySpan<char> text, ObjectType list, int count, ManifestPlace first, ManifestContents contents)
    {
        try
        {
            var reader = new Utf8JsonReader(_transcoder.Transcode(text.ToString()), ObjectDecoder.ReaderOptions);
            var read = 0;
            if (reader.Read() && reader.TokenType == JsonTokenType.StartArray)
            {
                for (; reader.ReadElement(); read++)
                {
                    Add(_decoder.Decode(ref reader, list.OfItems), file, first with { Item = first.Item + read }, contents);
                }
            }

            return read == count;
        }
        catch (Exception)
        {
            return false;
        }
    }

    /// <summary>Reads JSON documents that follow one another. Those before an error are read; nothing is known of those after it.</summary>
    public void ReadJson(string file, ReadOnlySpan<byte> json, ManifestContents contents)
    {
        var reader = new Utf8JsonReader(json, ObjectDecoder.ReaderOptions with { AllowMultipleValues = true });
        var (number, line, counted) = (0, 1, 0);
        var place = new ManifestPlace(1, 1);
        try
        {
            while (reader.Read())
            {
                var start = (int)reader.TokenStartIndex;
                line += json[counted..start].Count((byte)'\n');
                counted = start;
                place = new ManifestPlace(++number, line);
                ReadObject(ref reader, file, place, contents);
            }
        }
        catch (JsonException e)
        {
            Refuse(file, number == 0 ? place : place with { Item = -1 }, contents, ObjectDecoder.DescribeSyntaxError(e));
        }
    }

    private static void Refuse(string file, ManifestPlace place, ManifestContents contents, string message)
    {
        contents.IsBroken = true;
        contents.Problems.Add(new ObjectProblem(place.In(file), "", "", message));
    }

    // JSON is YAML, but for the tabs that it may be indented with; and it is faster read as what it is.
    private bool TryReadAsJson(string file, ReadOnlySpan<char> text, ManifestPlace place, ManifestContents contents)
    {
        var json = new byte[Encoding.UTF8.GetByteCount(text)];
        Encoding.UTF8.GetBytes(text, json);
        try
        {
            var check = new Utf8JsonReader(json, ObjectDecoder.ReaderOptions);
            while (check.Read())
            {
                check.Skip();
            }

            var reader = new Utf8JsonReader(json, ObjectDecoder.ReaderOptions);
            reader.Read();
            ReadObject(ref reader, file, place, contents);
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private void ReadObject(ref Utf8JsonReader reader, string file, ManifestPlace place, ManifestContents contents)
    {
        var start = reader;
        try
        {
            if (reader.TokenType == JsonTokenType.StartObject && ObjectType.Peek(reader, default) is { IsList: true } list
                && (list.Kind == "List" || HasItems(reader)))
            {
                ReadItems(ref reader, list, file, place, contents);
            }
            else
            {
                Add(_decoder.Decode(ref reader), file, place, contents);
            }
        }
        catch (InvalidOperationException)
        {
            // As in the decoder: text is checked only when it is read.
            reader = start;
            reader.Skip();
            Refuse(file, place, contents, "holds text that is not Unicode");
        }
    }

    private static bool HasItems(Utf8JsonReader reader) =>
        Find(ref reader, "items"u8) && reader.Read() && reader.TokenType == JsonTokenType.StartArray;

    private static bool Find(ref Utf8JsonReader reader, ReadOnlySpan<byte> field)
    {
        while (reader.ReadField())
        {
            if (reader.ValueTextEquals(field))
            {
                return true;
            }

            reader.Skip();
        }

        return false;
    }

    private void ReadItems(ref Utf8JsonReader reader, ObjectType list, string file, ManifestPlace place, ManifestContents contents)
    {
        while (reader.ReadField())
        {
            if (!reader.ValueTextEquals("items"u8))
            {
                reader.Skip();
                continue;
            }

            reader.Read();
            if (reader.TokenType == JsonTokenType.StartArray)
            {
                for (var i = 0; reader.ReadElement(); i++)
                {
                    Add(_decoder.Decode(ref reader, list.OfItems), file, place with { Item = i }, contents);
                }
            }
            else if (reader.TokenType != JsonTokenType.Null)
            {
                contents.IsBroken = true;
                contents.Problems.Add(
                    new ObjectProblem(place.In(file), list.Kind, "items", $"expected a list, found {reader.SkipAndDescribe()}"));
            }
        }
    }

    private static void Add(in DecodedObject decoded, string file, ManifestPlace place, ManifestContents contents)
    {
        if (decoded.Value is { } value)
        {
            contents.Objects.Add(new ManifestObject(value, place));
        }
        else if (decoded.IsOtherKind)
        {
            contents.OtherKinds.Add($"{decoded.ApiVersion} {decoded.Kind}");
        }
        else
        {
            contents.IsBroken = true;
        }

        foreach (var problem in decoded.Problems)
        {
            contents.Problems.Add(new ObjectProblem(place.In(file), decoded.Description, problem.Field, problem.Message));
        }
    }
}
