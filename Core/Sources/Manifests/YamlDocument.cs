namespace ProxyFramework.Core.Sources.Manifests;

/// <summary>One document of a YAML stream, as its place in the text.</summary>
/// <param name="Number">1 for the first.</param>
/// <param name="Line">The line in the text that it starts on, 1 for the first.</param>
/// <param name="Start">Where it starts in the text, its <c>---</c> included.</param>
/// <param name="Length">Its length.</param>
internal readonly record struct YamlDocument(int Number, int Line, int Start, int Length)
{
    /// <summary>
    /// Splits a stream at its document markers, which can stand nowhere else at the start of a line (YAML 1.2 §9.1.2): so a document
    /// that cannot be read does not take the ones after it with it, and many can be read at once.
    /// </summary>
    public static List<YamlDocument> Split(ReadOnlySpan<char> text)
    {
        var documents = new List<YamlDocument>();
        var (start, startLine, hasMarker, hasContent) = (0, 1, false, false);
        var line = 1;
        for (var position = 0; position < text.Length; line++)
        {
            var length = text[position..].IndexOf('\n');
            var next = length < 0 ? text.Length : position + length + 1;
            var current = text[position..next];
            if (IsMarker(current, "---"))
            {
                if (hasMarker || hasContent)
                {
                    documents.Add(new(documents.Count + 1, startLine, start, position - start));
                    hasContent = false;
                }

                (start, startLine, hasMarker) = (position, line, true);
            }
            else if (IsMarker(current, "..."))
            {
                if (hasMarker || hasContent)
                {
                    documents.Add(new(documents.Count + 1, startLine, start, position - start));
                }

                (start, startLine, hasMarker, hasContent) = (next, line + 1, false, false);
            }
            else
            {
                hasContent |= IsContent(current);
            }

            position = next;
        }

        if (hasMarker || hasContent)
        {
            documents.Add(new(documents.Count + 1, startLine, start, text.Length - start));
        }

        return documents;
    }

    private static bool IsMarker(ReadOnlySpan<char> line, string marker) =>
        line.StartsWith(marker, StringComparison.Ordinal) && (line.Length == marker.Length || char.IsWhiteSpace(line[marker.Length]));

    private static bool IsContent(ReadOnlySpan<char> line)
    {
        var trimmed = line.Trim();
        return !trimmed.IsEmpty && trimmed[0] != '#' && line[0] != '%';
    }
}
