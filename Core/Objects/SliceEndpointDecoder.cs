using System.Runtime.InteropServices;
using System.Text.Json;

namespace ProxyFramework.Core.Objects;

/// <summary>Decodes one entry of <c>endpoints</c>. One instance is used for one after another.</summary>
internal sealed class SliceEndpointDecoder(InternedStrings strings, FieldProblems problems)
{
    private const string Field = "endpoints";

    private readonly List<string> _zones = [];
    private readonly List<string> _nodes = [];

    /// <summary>The endpoint that the reader stands on; null where it was refused.</summary>
    public SliceEndpoint? Decode(ref Utf8JsonReader reader, int index, IPFamily family)
    {
        if (!reader.TryEnterObject(new FieldPath(Field, index), problems, out _))
        {
            return null;
        }

        _zones.Clear();
        _nodes.Clear();
        InetAddress? address = null;
        string? nodeName = null, targetName = null;
        var conditions = EndpointConditions.Ready | EndpointConditions.Serving;
        var hasAddresses = false;
        var isSound = true;
        while (reader.ReadField())
        {
            if (reader.ValueTextEquals("addresses"u8))
            {
                hasAddresses = true;
                address = DecodeAddress(ref reader, index, family);
            }
            else if (reader.ValueTextEquals("conditions"u8))
            {
                isSound &= TryDecodeConditions(ref reader, index, out conditions);
            }
            else if (reader.ValueTextEquals("nodeName"u8))
            {
                isSound &= reader.TryReadString(new FieldPath(Field, index, ".nodeName"), problems, strings, out nodeName);
            }
            else if (reader.ValueTextEquals("targetRef"u8))
            {
                targetName = DecodeTargetName(ref reader, index);
            }
            else if (reader.ValueTextEquals("hints"u8))
            {
                DecodeHints(ref reader, index);
            }
            else
            {
                reader.Skip();
            }
        }

        if (!hasAddresses)
        {
            problems.Add(new FieldPath(Field, index, ".addresses"), "is missing");
        }

        return isSound && address is { } known
            ? new SliceEndpoint(
                known,
                conditions,
                nodeName,
                targetName,
                strings.GetHints(CollectionsMarshal.AsSpan(_zones), CollectionsMarshal.AsSpan(_nodes)))
            : null;
    }

    // The addresses after the first are interchangeable with it, and unused.
    private InetAddress? DecodeAddress(ref Utf8JsonReader reader, int index, IPFamily family)
    {
        var list = new FieldPath(Field, index, ".addresses");
        if (!reader.TryEnterArray(list, problems, out var isSound))
        {
            if (isSound)
            {
                problems.Add(list, "is missing");
            }

            return null;
        }

        InetAddress? first = null;
        var count = 0;
        for (; reader.ReadElement(); count++)
        {
            var field = new FieldPath(Field, index, ".addresses", 0);
            if (count > 0)
            {
                reader.Skip();
            }
            else if (reader.TryReadAddress(field, problems, out var address))
            {
                if (address.Family == family)
                {
                    first = address;
                }
                else
                {
                    problems.Add(field, $"{address} is not an {family} address, which addressType asks for");
                }
            }
        }

        if (count == 0)
        {
            problems.Add(list, "is empty");
        }

        return first;
    }

    private bool TryDecodeConditions(ref Utf8JsonReader reader, int index, out EndpointConditions conditions)
    {
        conditions = EndpointConditions.Ready | EndpointConditions.Serving;
        if (!reader.TryEnterObject(new FieldPath(Field, index, ".conditions"), problems, out var isSound))
        {
            return isSound;
        }

        bool? ready = null, serving = null, terminating = null;
        while (reader.ReadField())
        {
            if (reader.ValueTextEquals("ready"u8))
            {
                isSound &= reader.TryReadBoolean(new FieldPath(Field, index, ".conditions.ready"), problems, out ready);
            }
            else if (reader.ValueTextEquals("serving"u8))
            {
                isSound &= reader.TryReadBoolean(new FieldPath(Field, index, ".conditions.serving"), problems, out serving);
            }
            else if (reader.ValueTextEquals("terminating"u8))
            {
                isSound &= reader.TryReadBoolean(new FieldPath(Field, index, ".conditions.terminating"), problems, out terminating);
            }
            else
            {
                reader.Skip();
            }
        }

        var isReady = ready ?? true;
        conditions = (isReady ? EndpointConditions.Ready : EndpointConditions.None)
            | (serving ?? isReady ? EndpointConditions.Serving : EndpointConditions.None)
            | (terminating ?? false ? EndpointConditions.Terminating : EndpointConditions.None);
        return isSound;
    }

    private string? DecodeTargetName(ref Utf8JsonReader reader, int index)
    {
        string? name = null;
        if (reader.TryEnterObject(new FieldPath(Field, index, ".targetRef"), problems, out _))
        {
            while (reader.ReadField())
            {
                if (reader.ValueTextEquals("name"u8))
                {
                    reader.TryReadString(new FieldPath(Field, index, ".targetRef.name"), problems, out name);
                }
                else
                {
                    reader.Skip();
                }
            }
        }

        return name;
    }

    private void DecodeHints(ref Utf8JsonReader reader, int index)
    {
        _zones.Clear();
        _nodes.Clear();
        if (!reader.TryEnterObject(new FieldPath(Field, index, ".hints"), problems, out _))
        {
            return;
        }

        while (reader.ReadField())
        {
            if (reader.ValueTextEquals("forZones"u8))
            {
                DecodeHintNames(ref reader, index, ".hints.forZones", _zones);
            }
            else if (reader.ValueTextEquals("forNodes"u8))
            {
                DecodeHintNames(ref reader, index, ".hints.forNodes", _nodes);
            }
            else
            {
                reader.Skip();
            }
        }
    }

    private void DecodeHintNames(ref Utf8JsonReader reader, int index, string list, List<string> names)
    {
        names.Clear();
        if (!reader.TryEnterArray(new FieldPath(Field, index, list), problems, out _))
        {
            return;
        }

        for (var i = 0; reader.ReadElement(); i++)
        {
            if (!reader.TryEnterObject(new FieldPath(Field, index, list, i), problems, out _))
            {
                continue;
            }

            while (reader.ReadField())
            {
                if (!reader.ValueTextEquals("name"u8))
                {
                    reader.Skip();
                }
                else if (reader.TryReadString(new FieldPath(Field, index, list, i, ".name"), problems, strings, out var name)
                    && !string.IsNullOrEmpty(name))
                {
                    names.Add(name);
                }
            }
        }
    }
}
