using System.Text.Json;

namespace ProxyFramework.Core.Objects;

/// <summary>Decodes a Node. One instance is used for one object after another.</summary>
internal sealed class NodeDecoder(ObjectMetadata metadata, InternedStrings strings, FieldProblems problems)
{
    /// <summary>Set on a Node that the cluster autoscaler is about to remove.</summary>
    private const string AutoscalerTaint = "ToBeDeletedByClusterAutoscaler";

    private readonly List<InetAddress> _internal = [];
    private readonly List<InetAddress> _external = [];
    private readonly List<InetPrefix> _podCidrs = [];
    private InetPrefix? _podCidr;
    private bool _hasAutoscalerTaint;

    /// <summary>The Node on whose first token the reader stands; null where it was refused.</summary>
    public Node? Decode(ref Utf8JsonReader reader)
    {
        _internal.Clear();
        _external.Clear();
        _podCidrs.Clear();
        (_podCidr, _hasAutoscalerTaint) = (null, false);
        while (reader.ReadField())
        {
            if (reader.ValueTextEquals("metadata"u8))
            {
                metadata.Decode(ref reader);
            }
            else if (reader.ValueTextEquals("spec"u8))
            {
                DecodeSpec(ref reader);
            }
            else if (reader.ValueTextEquals("status"u8))
            {
                DecodeStatus(ref reader);
            }
            else
            {
                reader.Skip();
            }
        }

        metadata.RequireName();
        return problems.IsRefused ? null : new Node
        {
            Name = metadata.Name,
            Zone = string.IsNullOrEmpty(metadata.Zone) ? null : metadata.Zone,
            Addresses = [.. _internal, .. _external],
            PodCidrs = _podCidrs.Count == 0 && _podCidr is { } only ? [only] : [.. _podCidrs],
            IsBeingDeleted = metadata.HasDeletionTimestamp,
            IsToBeDeletedByAutoscaler = _hasAutoscalerTaint,
        };
    }

    private void DecodeSpec(ref Utf8JsonReader reader)
    {
        if (!reader.EnterObject("spec", problems))
        {
            return;
        }

        while (reader.ReadField())
        {
            if (reader.ValueTextEquals("podCIDR"u8))
            {
                reader.ToValue();
                var isAbsent = reader.TokenType == JsonTokenType.Null
                    || (reader.TokenType == JsonTokenType.String && reader.ValueTextEquals(""u8));
                _podCidr = !isAbsent && reader.TryReadPrefix("spec.podCIDR", problems, out var range) ? range : null;
            }
            else if (reader.ValueTextEquals("podCIDRs"u8))
            {
                DecodePodCidrs(ref reader);
            }
            else if (reader.ValueTextEquals("taints"u8))
            {
                DecodeTaints(ref reader);
            }
            else
            {
                reader.Skip();
            }
        }
    }

    private void DecodePodCidrs(ref Utf8JsonReader reader)
    {
        _podCidrs.Clear();
        if (!reader.EnterArray("spec.podCIDRs", problems))
        {
            return;
        }

        for (var i = 0; reader.ReadElement(); i++)
        {
            if (reader.TryReadPrefix(new FieldPath("spec.podCIDRs", i), problems, out var range))
            {
                _podCidrs.Add(range);
            }
        }
    }

    private void DecodeTaints(ref Utf8JsonReader reader)
    {
        _hasAutoscalerTaint = false;
        if (!reader.EnterArray("spec.taints", problems))
        {
            return;
        }

        for (var i = 0; reader.ReadElement(); i++)
        {
            if (!reader.TryEnterObject(new FieldPath("spec.taints", i), problems, out _))
            {
                continue;
            }

            while (reader.ReadField())
            {
                if (!reader.ValueTextEquals("key"u8))
                {
                    reader.Skip();
                }
                else if (reader.TryReadString(new FieldPath("spec.taints", i, ".key"), problems, strings, out var key))
                {
                    _hasAutoscalerTaint |= key == AutoscalerTaint;
                }
            }
        }
    }

    private void DecodeStatus(ref Utf8JsonReader reader)
    {
        if (!reader.EnterObject("status", problems))
        {
            return;
        }

        while (reader.ReadField())
        {
            if (reader.ValueTextEquals("addresses"u8))
            {
                DecodeAddresses(ref reader);
            }
            else
            {
                reader.Skip();
            }
        }
    }

    private void DecodeAddresses(ref Utf8JsonReader reader)
    {
        _internal.Clear();
        _external.Clear();
        if (!reader.EnterArray("status.addresses", problems))
        {
            return;
        }

        for (var i = 0; reader.ReadElement(); i++)
        {
            if (reader.TryEnterObject(new FieldPath("status.addresses", i), problems, out _))
            {
                DecodeAddress(ref reader, i);
            }
        }
    }

    private void DecodeAddress(ref Utf8JsonReader reader, int index)
    {
        string? type = null;
        Utf8JsonReader address = default;
        var hasAddress = false;
        while (reader.ReadField())
        {
            if (reader.ValueTextEquals("type"u8))
            {
                reader.TryReadString(new FieldPath("status.addresses", index, ".type"), problems, strings, out type);
            }
            else
            {
                // Read only where its type says that it is an address: a Hostname is not.
                if (reader.ValueTextEquals("address"u8))
                {
                    address = reader;
                    hasAddress = true;
                }

                reader.Skip();
            }
        }

        var list = type switch
        {
            "InternalIP" => _internal,
            "ExternalIP" => _external,
            _ => null,
        };
        var field = new FieldPath("status.addresses", index, ".address");
        if (list is null)
        {
            return;
        }

        if (!hasAddress)
        {
            problems.Add(field, "is missing");
        }
        else if (address.TryReadAddress(field, problems, out var value))
        {
            list.Add(value);
        }
    }
}
