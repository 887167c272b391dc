using System.Text.Json;

namespace ProxyFramework.Core.View;

/// <summary>The annotation <c>weights</c>: endpoint address, or target name → weight. Immutable.</summary>
internal sealed class EndpointWeights
{
    private readonly Dictionary<InetAddress, ushort> _byAddress = [];
    private readonly Dictionary<string, ushort> _byTarget = [];

    private EndpointWeights()
    {
    }

    /// <summary>Reads the JSON object. An entry that cannot be read is refused alone; the text as a whole only where it is no object.</summary>
    public static EndpointWeights? Read(string json, Action<string> refuse)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            if (document.RootElement.ValueKind != JsonValueKind.Object)
            {
                refuse("is not a JSON object such as {\"10.0.0.7\": 2, \"web-0\": 0}; every endpoint weighs the same");
                return null;
            }

            var weights = new EndpointWeights();
            foreach (var entry in document.RootElement.EnumerateObject())
            {
                if (entry.Value.ValueKind != JsonValueKind.Number || !entry.Value.TryGetUInt16(out var weight))
                {
                    refuse($"the weight of '{entry.Name}', {entry.Value.GetRawText()}, is not a whole number in 0…65535; it weighs 1");
                }
                else if (InetAddress.TryParse(entry.Name, out var address))
                {
                    weights._byAddress[address] = weight;
                }
                else
                {
                    weights._byTarget[entry.Name] = weight;
                }
            }

            return weights;
        }
        catch (JsonException wrong)
        {
            refuse($"is not JSON ({wrong.Message}); every endpoint weighs the same");
            return null;
        }
    }

    /// <summary>The weight of an endpoint, 1 where none is given. The address is the more exact of the two and goes first.</summary>
    public ushort Of(InetAddress address, string? targetName) =>
        _byAddress.TryGetValue(address, out var weight) || (targetName is not null && _byTarget.TryGetValue(targetName, out weight))
            ? weight
            : (ushort)1;
}
