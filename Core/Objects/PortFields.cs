using System.Text.Json;

namespace ProxyFramework.Core.Objects;

/// <summary>The fields that ports of Services and of EndpointSlices have in common.</summary>
internal static class PortFields
{
    /// <summary>A port's name; null where it is absent.</summary>
    public static bool TryReadName(
        ref Utf8JsonReader reader, in FieldPath field, FieldProblems problems, InternedStrings strings, out string? name)
    {
        if (!reader.TryReadString(field, problems, strings, out name))
        {
            return false;
        }

        if (string.IsNullOrEmpty(name) || ObjectMetadata.IsName(name))
        {
            return true;
        }

        problems.Add(field, $"{JsonFields.Quote(name)} is not the name of a port: lower-case letters, digits and '-' are");
        return false;
    }

    /// <summary>A port's protocol; TCP where it is absent.</summary>
    public static bool TryReadProtocol(
        ref Utf8JsonReader reader, in FieldPath field, FieldProblems problems, out TransportProtocol protocol)
    {
        protocol = TransportProtocol.Tcp;
        reader.ToValue();
        if (reader.TokenType == JsonTokenType.String)
        {
            if (reader.ValueTextEquals("TCP"u8) || reader.ValueTextEquals(""u8))
            {
                return true;
            }

            if (reader.ValueTextEquals("UDP"u8))
            {
                protocol = TransportProtocol.Udp;
                return true;
            }

            if (reader.ValueTextEquals("SCTP"u8))
            {
                protocol = TransportProtocol.Sctp;
                return true;
            }
        }
        else if (reader.TokenType == JsonTokenType.Null)
        {
            return true;
        }

        problems.Add(field, $"expected TCP, UDP or SCTP, found {reader.SkipAndDescribe()}");
        return false;
    }
}
