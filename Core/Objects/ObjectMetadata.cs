using System.Buffers;
using System.Collections.Immutable;
using System.Text.Json;

namespace ProxyFramework.Core.Objects;

/// <summary>Decodes <c>metadata</c>, as far as the proxy uses it. One instance is used for one object after another.</summary>
internal sealed class ObjectMetadata(InternedStrings strings, FieldProblems problems)
{
    private const string AnnotationPrefix = "proxyframework.io/";
    private const int MaxNameLength = 253;
    private const int MaxInternedAnnotation = 32;

    /// <summary>RFC 1123 subdomains, which the names of Services, EndpointSlices, Nodes and namespaces are.</summary>
    private static readonly SearchValues<char> NameCharacters = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789-.");

    private readonly List<KeyValuePair<string, string>> _annotations = [];
    private string? _namespace;

    public string Name { get; private set; } = "";

    public DateTimeOffset? CreationTimestamp { get; private set; }

    public bool HasDeletionTimestamp { get; private set; }

    public DateTimeOffset? LastChangeTriggerTime { get; private set; }

    /// <summary>Label <c>kubernetes.io/service-name</c>.</summary>
    public string? ServiceName { get; private set; }

    /// <summary>Label <c>service.kubernetes.io/service-proxy-name</c>.</summary>
    public string? ServiceProxyName { get; private set; }

    /// <summary>Label <c>topology.kubernetes.io/zone</c>.</summary>
    public string? Zone { get; private set; }

    /// <summary>Whether the label <c>service.kubernetes.io/headless</c> is present.</summary>
    public bool IsHeadless { get; private set; }

    public NamespacedName NamespacedName => new(_namespace ?? "default", Name);

    /// <summary>Whether characters can be the name of an object or of a port.</summary>
    public static bool IsName(ReadOnlySpan<char> text) =>
        text.Length is > 0 and <= MaxNameLength && !text.ContainsAnyExcept(NameCharacters);

    public void Clear()
    {
        _annotations.Clear();
        (_namespace, Name, ServiceName, ServiceProxyName, Zone) = (null, "", null, null, null);
        (CreationTimestamp, LastChangeTriggerTime, HasDeletionTimestamp, IsHeadless) = (null, null, false, false);
    }

    /// <summary>This project's annotations without their prefix, ordered by name.</summary>
    public ImmutableArray<KeyValuePair<string, string>> Annotations()
    {
        if (_annotations.Count == 0)
        {
            return [];
        }

        _annotations.Sort(static (left, right) => string.CompareOrdinal(left.Key, right.Key));
        return [.. _annotations];
    }

    public void Decode(ref Utf8JsonReader reader)
    {
        if (!reader.EnterObject("metadata", problems))
        {
            return;
        }

        while (reader.ReadField())
        {
            if (reader.ValueTextEquals("name"u8))
            {
                Name = ReadName(ref reader, "metadata.name") ?? "";
            }
            else if (reader.ValueTextEquals("namespace"u8))
            {
                _namespace = ReadName(ref reader, "metadata.namespace") is { } name ? strings.Get(name) : null;
            }
            else if (reader.ValueTextEquals("labels"u8))
            {
                DecodeLabels(ref reader);
            }
            else if (reader.ValueTextEquals("annotations"u8))
            {
                DecodeAnnotations(ref reader);
            }
            else if (reader.ValueTextEquals("creationTimestamp"u8))
            {
                reader.TryReadTime("metadata.creationTimestamp", problems, out var time);
                CreationTimestamp = time;
            }
            else if (reader.ValueTextEquals("deletionTimestamp"u8))
            {
                reader.TryReadString("metadata.deletionTimestamp", problems, out var text);
                HasDeletionTimestamp = !string.IsNullOrEmpty(text);
            }
            else
            {
                reader.Skip();
            }
        }
    }

    /// <summary>Refuses the object if it has no name.</summary>
    public void RequireName()
    {
        if (Name.Length == 0 && !problems.IsRefused)
        {
            problems.Refuse("metadata.name", "is missing");
        }
    }

    // A name that cannot be one refuses the object: nothing could be said about it that leads back to it.
    private string? ReadName(ref Utf8JsonReader reader, string field)
    {
        reader.ToValue();
        if (reader.TokenType is not (JsonTokenType.String or JsonTokenType.Null))
        {
            problems.Refuse(field, $"expected a string, found {reader.SkipAndDescribe()}");
            return null;
        }

        var name = reader.GetString();
        if (string.IsNullOrEmpty(name))
        {
            return null;
        }

        if (IsName(name))
        {
            return name;
        }

        problems.Refuse(field, $"{JsonFields.Quote(name)} is not a name: at most 253 lower-case letters, digits, '-' and '.' are");
        return null;
    }

    private void DecodeLabels(ref Utf8JsonReader reader)
    {
        if (!reader.EnterObject("metadata.labels", problems))
        {
            return;
        }

        while (reader.ReadField())
        {
            if (reader.ValueTextEquals("kubernetes.io/service-name"u8))
            {
                reader.TryReadString("metadata.labels[kubernetes.io/service-name]", problems, out var value);
                ServiceName = value;
            }
            else if (reader.ValueTextEquals("service.kubernetes.io/service-proxy-name"u8))
            {
                reader.TryReadString("metadata.labels[service.kubernetes.io/service-proxy-name]", problems, strings, out var value);
                ServiceProxyName = value;
            }
            else if (reader.ValueTextEquals("topology.kubernetes.io/zone"u8))
            {
                reader.TryReadString("metadata.labels[topology.kubernetes.io/zone]", problems, strings, out var value);
                Zone = value;
            }
            else if (reader.ValueTextEquals("service.kubernetes.io/headless"u8))
            {
                IsHeadless = true;
                reader.Skip();
            }
            else
            {
                reader.Skip();
            }
        }
    }

    private void DecodeAnnotations(ref Utf8JsonReader reader)
    {
        if (!reader.EnterObject("metadata.annotations", problems))
        {
            return;
        }

        while (reader.ReadField())
        {
            if (reader.ValueTextEquals("endpoints.kubernetes.io/last-change-trigger-time"u8))
            {
                reader.TryReadTime("metadata.annotations[endpoints.kubernetes.io/last-change-trigger-time]", problems, out var time);
                LastChangeTriggerTime = time;
            }
            else if (reader.ValueSpan.StartsWith("proxyframework.io/"u8) || reader.ValueIsEscaped)
            {
                DecodeAnnotation(ref reader);
            }
            else
            {
                reader.Skip();
            }
        }
    }

    private void DecodeAnnotation(ref Utf8JsonReader reader)
    {
        var fullName = reader.GetString()!;
        if (!fullName.StartsWith(AnnotationPrefix, StringComparison.Ordinal))
        {
            reader.Skip();
            return;
        }

        if (fullName.Length > MaxNameLength || !IsName(fullName.AsSpan(AnnotationPrefix.Length)))
        {
            problems.Add($"metadata.annotations[{JsonFields.Quote(fullName)}]", "is not the name of an annotation of this project");
            reader.Skip();
            return;
        }

        if (!reader.TryReadString(new FieldPath($"metadata.annotations[{fullName}]"), problems, out var value) || value is null)
        {
            return;
        }

        var name = strings.Get(fullName.AsSpan(AnnotationPrefix.Length));
        _annotations.RemoveAll(annotation => annotation.Key == name);
        _annotations.Add(new(name, value.Length <= MaxInternedAnnotation ? strings.Get(value) : value));
    }
}
