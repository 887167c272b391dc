using System.Text;
using ProxyFramework.Core.Objects;

namespace ProxyFramework.Core.Sources.Manifests;

/// <summary>Reads the contents of a file. Never fails for what is in it: what cannot be read is among the problems.</summary>
internal static class ManifestReader
{
    /// <summary>Up to here the documents of a file are read by the caller's thread alone.</summary>
    private const int MaxSequential = 256;

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

        ReadYaml(file, characters, strings, reader, contents);
        return contents;
    }

    /// <summary>Reads text that is not from a file.</summary>
    public static ManifestContents Read(string origin, string text, InternedStrings strings)
    {
        var contents = new ManifestContents();
        ReadYaml(origin, text, strings, new ManifestDocumentReader(strings), contents);
        return contents;
    }

    private static void ReadYaml(
        string file, string text, InternedStrings strings, ManifestDocumentReader reader, ManifestContents contents)
    {
        var documents = YamlDocument.Split(text);
        if (documents.Count <= MaxSequential)
        {
            foreach (var document in documents)
            {
                reader.ReadYaml(file, text, document, contents);
            }

            return;
        }

        var parts = new ManifestContents[(documents.Count + MaxSequential - 1) / MaxSequential];
        Parallel.For(
            0,
            parts.Length,
            new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount },
            () => new ManifestDocumentReader(strings),
            (index, _, own) =>
            {
                var part = new ManifestContents();
                var first = index * MaxSequential;
                for (var i = first; i < Math.Min(first + MaxSequential, documents.Count); i++)
                {
                    own.ReadYaml(file, text, documents[i], part);
                }

                parts[index] = part;
                return own;
            },
            _ => { });
        foreach (var part in parts)
        {
            contents.Add(part);
        }
    }
}
