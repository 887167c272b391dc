using System.Text;
using ProxyFramework.Core.Objects;

namespace ProxyFramework.Core.Sources.Manifests;

/// <summary>Reads the contents of a file. Never fails for what is in it: what cannot be read is among the problems.</summary>
internal static class ManifestReader
{
    /// <summary>Up to here the documents of a file are read by the caller's thread alone.</summary>
    private const int MaxSequential = 256;

    /// <summary>How much of a long list is read at once, in characters.</summary>
    private const int ListPartLength = 128 * 1024;

    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Reads a file: <c>.json</c> as JSON, anything else as YAML, of which JSON is a part.</summary>
    public static ManifestContents Read(string file, ReadOnlySpan<byte> bytes, InternedStrings strings, ManifestDocumentReader reader)
    {
        var contents = new ManifestContents();
        var text = bytes.StartsWith(Encoding.UTF8.Preamble) ? bytes[Encoding.UTF8.Preamble.Length..] : bytes;
        if (file.EndsWith(".json", StringComparison.OrdinalIgnoreCase))
        {
            reader.ReadJson(file, text, contents);
            return contents;
        }

        string characters;
        try
        {
            characters = StrictUtf8.GetString(text);
        }
        catch (DecoderFallbackException)
        {
            contents.IsBroken = true;
            contents.Problems.Add(new ObjectProblem(file, "", "", "is not UTF-8 text"));
            return contents;
        }

        ReadYaml(file, characters, strings, reader, contents, ListPartLength);
        return contents;
    }

    /// <summary>Reads text that is not from a file.</summary>
    /// <param name="origin">What to call it in problems.</param>
    /// <param name="text">YAML.</param>
    /// <param name="strings">Shares strings that recur.</param>
    /// <param name="listPartLength">From twice this length on, in characters, a list is taken apart.</param>
    public static ManifestContents Read(string origin, string text, InternedStrings strings, int listPartLength = ListPartLength)
    {
        var contents = new ManifestContents();
        ReadYaml(origin, text, strings, new ManifestDocumentReader(strings), contents, listPartLength);
        return contents;
    }

    private static void ReadYaml(
        string file, string text, InternedStrings strings, ManifestDocumentReader reader, ManifestContents contents, int listPartLength)
    {
        var documents = YamlDocument.Split(text);
        if (documents.Count <= MaxSequential)
        {
            foreach (var document in documents)
            {
                if (YamlList.Split(text, document, listPartLength) is not { } list
                    || !TryReadList(file, text, document, list, strings, reader, contents))
                {
                    reader.ReadYaml(file, text, document, contents);
                }
            }

            return;
        }

        ReadInParallel(
            (documents.Count + MaxSequential - 1) / MaxSequential,
            strings,
            (index, own, part) =>
            {
                foreach (var document in documents.Skip(index * MaxSequential).Take(MaxSequential))
                {
                    own.ReadYaml(file, text, document, part);
                }

                return true;
            },
            contents);
    }

    private static bool TryReadList(
        string file, string text, YamlDocument document, YamlList list, InternedStrings strings, ManifestDocumentReader reader, ManifestContents contents)
    {
        if (reader.ReadListType(list.Header) is not { } type)
        {
            return false;
        }

        var place = new ManifestPlace(document.Number, document.Line);
        return ReadInParallel(
            list.Parts.Count,
            strings,
            (index, own, part) =>
            {
                var (start, length, first, items) = list.Parts[index];
                return own.TryReadItems(file, text.AsSpan(start, length), type, items, place with { Item = first }, part);
            },
            contents);
    }

    /// <summary>Reads parts of a file on all processors, and adds what they hold in their order: all of it, or nothing where one fails.</summary>
    private static bool ReadInParallel(
        int count, InternedStrings strings, Func<int, ManifestDocumentReader, ManifestContents, bool> read, ManifestContents contents)
    {
        var parts = new ManifestContents[count];
        var result = Parallel.For(
            0,
            count,
            new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount },
            () => new ManifestDocumentReader(strings),
            (index, state, own) =>
            {
                if (!read(index, own, parts[index] = new ManifestContents()))
                {
                    state.Stop();
                }

                return own;
            },
            _ => { });
        if (!result.IsCompleted)
        {
            return false;
        }

        foreach (var part in parts)
        {
            contents.Add(part);
        }

        return true;
    }
}
