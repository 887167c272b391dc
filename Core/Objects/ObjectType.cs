using System.Text.Json;

namespace ProxyFramework.Core.Objects;

/// <summary><c>apiVersion</c> and <c>kind</c> of an object; empty where they are absent or not strings.</summary>
internal readonly record struct ObjectType(string ApiVersion, string Kind)
{
    public const string CoreVersion = "v1";
    public const string DiscoveryVersion = "discovery.k8s.io/v1";
    private const string DiscoveryGroup = "discovery.k8s.io/";

    public bool IsService => Kind == "Service" && ApiVersion == CoreVersion;

    public bool IsEndpointSlice => Kind == "EndpointSlice" && ApiVersion == DiscoveryVersion;

    public bool IsNode => Kind == "Node" && ApiVersion == CoreVersion;

    /// <summary>Whether the kind is one of lists, <c>List</c> of anything or <c>ServiceList</c> and the like.</summary>
    public bool IsList => Kind.EndsWith("List", StringComparison.Ordinal);

    /// <summary>What items of a list are that do not say it themselves, as those of a <c>ServiceList</c> need not.</summary>
    public ObjectType OfItems => Kind == "List" ? default : new(ApiVersion, Kind[..^"List".Length]);

    /// <summary>The version of this kind that is read, where this is another version of it; null where it is another kind.</summary>
    public string? SupportedVersion => Kind switch
    {
        "Service" or "Node" when !ApiVersion.Contains('/') => CoreVersion,
        "EndpointSlice" when ApiVersion.StartsWith(DiscoveryGroup, StringComparison.Ordinal) => DiscoveryVersion,
        _ => null,
    };

    /// <summary>Looks ahead in the object whose start the reader stands on. The reader is a copy: the caller's does not move.</summary>
    /// <param name="reader">A copy of the caller's reader.</param>
    /// <param name="assumed">What the object is where it does not say so.</param>
    public static ObjectType Peek(Utf8JsonReader reader, ObjectType assumed)
    {
        string? apiVersion = null, kind = null;
        while ((apiVersion is null || kind is null) && reader.ReadField())
        {
            if (reader.ValueTextEquals("kind"u8))
            {
                kind = ReadName(ref reader);
            }
            else if (reader.ValueTextEquals("apiVersion"u8))
            {
                apiVersion = ReadName(ref reader);
            }
            else
            {
                reader.Skip();
            }
        }

        return new(
            string.IsNullOrEmpty(apiVersion) ? assumed.ApiVersion ?? "" : apiVersion,
            string.IsNullOrEmpty(kind) ? assumed.Kind ?? "" : kind);
    }

    private static string ReadName(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.String)
        {
            reader.Skip();
            return "";
        }

        return reader.ValueTextEquals("v1"u8) ? CoreVersion
            : reader.ValueTextEquals("discovery.k8s.io/v1"u8) ? DiscoveryVersion
            : reader.ValueTextEquals("EndpointSlice"u8) ? "EndpointSlice"
            : reader.ValueTextEquals("Service"u8) ? "Service"
            : reader.ValueTextEquals("Node"u8) ? "Node"
            : reader.GetString()!;
    }
}
