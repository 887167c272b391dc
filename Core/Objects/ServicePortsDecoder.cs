using System.Collections.Immutable;
using System.Text.Json;

namespace ProxyFramework.Core.Objects;

/// <summary>Decodes <c>spec.ports</c> of a Service. One instance is used for one object after another.</summary>
internal sealed class ServicePortsDecoder(InternedStrings strings, FieldProblems problems)
{
    private const string Field = "spec.ports";

    private readonly List<ServicePortSpec> _ports = [];

    /// <summary>Whether there was an entry at all, be it a refused one.</summary>
    public bool AnyGiven { get; private set; }

    public void Clear()
    {
        _ports.Clear();
        AnyGiven = false;
    }

    public ImmutableArray<ServicePortSpec> ToImmutable() => [.. _ports];

    public void Decode(ref Utf8JsonReader reader)
    {
        Clear();
        if (!reader.EnterArray(Field, problems))
        {
            return;
        }

        for (var i = 0; reader.ReadElement(); i++)
        {
            AnyGiven = true;
            if (DecodePort(ref reader, i) is { } port && IsUnique(port, i))
            {
                _ports.Add(port);
            }
        }
    }

    private ServicePortSpec? DecodePort(ref Utf8JsonReader reader, int index)
    {
        if (!reader.TryEnterObject(new FieldPath(Field, index), problems, out _))
        {
            return null;
        }

        string? name = null;
        var protocol = TransportProtocol.Tcp;
        ushort number = 0;
        var nodePort = 0;
        var hasNumber = false;
        var isSound = true;
        while (reader.ReadField())
        {
            if (reader.ValueTextEquals("name"u8))
            {
                isSound &= PortFields.TryReadName(ref reader, new FieldPath(Field, index, ".name"), problems, strings, out name);
            }
            else if (reader.ValueTextEquals("protocol"u8))
            {
                isSound &= PortFields.TryReadProtocol(ref reader, new FieldPath(Field, index, ".protocol"), problems, out protocol);
            }
            else if (reader.ValueTextEquals("port"u8))
            {
                hasNumber = reader.TryReadPort(new FieldPath(Field, index, ".port"), problems, out number) is var isPort && isPort
                    && number != 0;
                isSound &= isPort;
            }
            else if (reader.ValueTextEquals("nodePort"u8))
            {
                // A bad node port leaves the port itself as it is.
                reader.TryReadNumber(new FieldPath(Field, index, ".nodePort"), problems, 0, ushort.MaxValue, out var value);
                nodePort = value ?? 0;
            }
            else
            {
                reader.Skip();
            }
        }

        if (isSound && !hasNumber)
        {
            problems.Add(new FieldPath(Field, index, ".port"), "is missing");
        }

        return isSound && hasNumber ? new ServicePortSpec(name ?? "", protocol, number, (ushort)nodePort) : null;
    }

    private bool IsUnique(in ServicePortSpec port, int index)
    {
        foreach (var other in _ports)
        {
            if (other.Name == port.Name)
            {
                problems.Add(
                    new FieldPath(Field, index, ".name"),
                    port.Name.Length == 0 ? "is missing: where there are several ports, each has a name" : $"'{port.Name}' is the name of an earlier port");
                return false;
            }

            if (other.Port == port.Port && other.Protocol == port.Protocol)
            {
                problems.Add(
                    new FieldPath(Field, index, ".port"), $"{port.Port}/{port.Protocol.ToApiName()} is already that of port '{other.Name}'");
                return false;
            }
        }

        return true;
    }
}
