using System.Text.Json;

namespace ProxyFramework.Core.Objects;

/// <summary>Decodes an EndpointSlice. One instance is used for one object after another.</summary>
internal sealed class EndpointSliceDecoder(ObjectMetadata metadata, InternedStrings strings, FieldProblems problems)
{
    private readonly SliceEndpointDecoder _endpoint = new(strings, problems);
    private readonly List<EndpointSlicePort> _ports = [];
    private readonly List<SliceEndpoint> _endpoints = [];

    /// <summary>The EndpointSlice on whose first token the reader stands; null where it was refused.</summary>
    public EndpointSlice? Decode(ref Utf8JsonReader reader)
    {
        _ports.Clear();
        _endpoints.Clear();
        AddressType? addressType = null;
        Utf8JsonReader postponed = default;
        var isPostponed = false;
        while (reader.ReadField())
        {
            if (reader.ValueTextEquals("metadata"u8))
            {
                metadata.Decode(ref reader);
            }
            else if (reader.ValueTextEquals("addressType"u8))
            {
                addressType = DecodeAddressType(ref reader);
            }
            else if (reader.ValueTextEquals("ports"u8))
            {
                DecodePorts(ref reader);
            }
            else if (reader.ValueTextEquals("endpoints"u8))
            {
                // What the addresses are is known only from addressType, which may come later.
                postponed = reader;
                isPostponed = addressType is null;
                if (addressType is { } known)
                {
                    DecodeEndpoints(ref reader, known);
                }
                else
                {
                    reader.Skip();
                }
            }
            else
            {
                reader.Skip();
            }
        }

        if (addressType is null && !problems.IsRefused)
        {
            problems.Refuse("addressType", "is missing: it is IPv4, IPv6 or FQDN");
        }
        else if (isPostponed && addressType is { } type)
        {
            DecodeEndpoints(ref postponed, type);
        }

        metadata.RequireName();
        return problems.IsRefused || addressType is null ? null : ToSlice(addressType.Value);
    }

    private EndpointSlice ToSlice(AddressType type) => new()
    {
        Name = metadata.NamespacedName,
        ServiceName = metadata.ServiceName,
        IsHeadless = metadata.IsHeadless,
        AddressType = type switch
        {
            AddressType.IPv4 => IPFamily.IPv4,
            AddressType.IPv6 => IPFamily.IPv6,
            _ => null,
        },
        Ports = [.. _ports],
        Endpoints = [.. _endpoints],
        LastChangeTriggerTime = metadata.LastChangeTriggerTime,
    };

    private AddressType? DecodeAddressType(ref Utf8JsonReader reader)
    {
        reader.ToValue();
        if (reader.TokenType == JsonTokenType.Null)
        {
            return null;
        }

        if (reader.TokenType == JsonTokenType.String)
        {
            if (reader.ValueTextEquals("IPv4"u8))
            {
                return AddressType.IPv4;
            }

            if (reader.ValueTextEquals("IPv6"u8))
            {
                return AddressType.IPv6;
            }

            if (reader.ValueTextEquals("FQDN"u8))
            {
                return AddressType.Fqdn;
            }
        }

        problems.Refuse("addressType", $"expected IPv4, IPv6 or FQDN, found {reader.SkipAndDescribe()}");
        return null;
    }

    private void DecodePorts(ref Utf8JsonReader reader)
    {
        _ports.Clear();
        if (!reader.EnterArray("ports", problems))
        {
            return;
        }

        for (var i = 0; reader.ReadElement(); i++)
        {
            if (DecodePort(ref reader, i) is not { } port)
            {
                continue;
            }

            if (_ports.Exists(other => other.Name == port.Name))
            {
                problems.Add(new FieldPath("ports", i, ".name"), $"'{port.Name}' is the name of an earlier port");
                continue;
            }

            _ports.Add(port);
        }
    }

    private EndpointSlicePort? DecodePort(ref Utf8JsonReader reader, int index)
    {
        if (!reader.TryEnterObject(new FieldPath("ports", index), problems, out _))
        {
            return null;
        }

        string? name = null;
        var protocol = TransportProtocol.Tcp;
        ushort number = 0;
        var isSound = true;
        while (reader.ReadField())
        {
            if (reader.ValueTextEquals("name"u8))
            {
                isSound &= PortFields.TryReadName(ref reader, new FieldPath("ports", index, ".name"), problems, strings, out name);
            }
            else if (reader.ValueTextEquals("protocol"u8))
            {
                isSound &= PortFields.TryReadProtocol(ref reader, new FieldPath("ports", index, ".protocol"), problems, out protocol);
            }
            else if (reader.ValueTextEquals("port"u8))
            {
                isSound &= reader.TryReadPort(new FieldPath("ports", index, ".port"), problems, out number);
            }
            else
            {
                reader.Skip();
            }
        }

        return isSound ? new EndpointSlicePort(name ?? "", protocol, number) : null;
    }

    private void DecodeEndpoints(ref Utf8JsonReader reader, AddressType type)
    {
        _endpoints.Clear();
        if (!reader.EnterArray("endpoints", problems))
        {
            return;
        }

        for (var i = 0; reader.ReadElement(); i++)
        {
            if (type == AddressType.Fqdn)
            {
                reader.Skip();
            }
            else if (_endpoint.Decode(ref reader, i, type == AddressType.IPv4 ? IPFamily.IPv4 : IPFamily.IPv6) is { } endpoint)
            {
                _endpoints.Add(endpoint);
            }
        }
    }

    private enum AddressType
    {
        IPv4,
        IPv6,
        Fqdn,
    }
}
