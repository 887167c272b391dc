namespace ProxyFramework.Core.Sources.Manifests;

/// <summary>
/// A document that is a list as <c>kubectl get -o yaml</c> writes it, taken apart before it is read: thousands of objects in one document
/// are then read by all processors, and never in memory as one tree. Items start with <c>- </c> at the start of a line, where nothing of
/// the item before them can (YAML 1.2 §8.2: the rest of a block node is indented more than its parent) but the inside of quotes and
/// brackets, which taken apart are errors: whoever meets an error reads the document again as a whole.
/// </summary>
/// <param name="Header">The document without its items: what it is a list of.</param>
/// <param name="Parts">Runs of items, each a YAML sequence.</param>
internal sealed record YamlList(string Header, IReadOnlyList<YamlList.Part> Parts)
{
    /// <summary>Takes a document apart.</summary>
    /// <param name="text">The stream that it is in.</param>
    /// <param name="document">The document.</param>
    /// <param name="partLength">How long a part is at least, in characters.</param>
    /// <returns>Null where it does not look like such a list, or is too short to be taken apart.</returns>
    public static YamlList? Split(ReadOnlySpan<char> text, YamlDocument document, int partLength)
    {
        if (document.Length < 2 * partLength)
        {
            return null;
        }

        var end = document.Start + document.Length;
        if (FindItems(text[..end], document.Start) is not { } items)
        {
            return null;
        }

        var parts = new List<Part>();
        var (start, first, count, position) = (items.End, 0, 0, items.End);
        for (; position < end; position = NextLine(text[..end], position))
        {
            var line = text[position..end];
            if (line is ['-', ' ' or '\r' or '\n', ..])
            {
                if (position - start >= partLength)
                {
                    parts.Add(new Part(start, position - start, first, count - first));
                    (start, first) = (position, count);
                }

                count++;
            }
            else if (line[0] is not (' ' or '\r' or '\n'))
            {
                break;
            }
        }

        if (parts.Count == 0)
        {
            return null;
        }

        parts.Add(new Part(start, position - start, first, count - first));
        return new YamlList(string.Concat(text[document.Start..items.Start], text[position..end]), parts);
    }

    // The line "items:", at the start of a line and with nothing behind it.
    private static (int Start, int End)? FindItems(ReadOnlySpan<char> text, int start)
    {
        for (var position = start; position < text.Length;)
        {
            var next = NextLine(text, position);
            var line = text[position..next].TrimEnd();
            if (line is "items:")
            {
                return (position, next);
            }

            // There are few lines before it: what has many is no list.
            if (line is ['-', ' ', ..])
            {
                return null;
            }

            position = next;
        }

        return null;
    }

    private static int NextLine(ReadOnlySpan<char> text, int position)
    {
        var length = text[position..].IndexOf('\n');
        return length < 0 ? text.Length : position + length + 1;
    }

    /// <summary>A run of items.</summary>
    /// <param name="Start">Where it starts in the stream.</param>
    /// <param name="Length">Its length.</param>
    /// <param name="FirstItem">The index of its first item.</param>
    /// <param name="Items">How many items it has.</param>
    internal readonly record struct Part(int Start, int Length, int FirstItem, int Items);
}
