using System.Text.Json.Nodes;

namespace ProxyFramework.ApiServerStandIn;

/// <summary>A labelSelector and a fieldSelector, as far as clients of a service proxy's kinds use them.</summary>
internal sealed class Selector
{
    private readonly List<Func<StoredObject, bool>> _requirements = [];

    public Selector(string? labels, string? fields)
    {
        foreach (var one in Split(labels))
        {
            _requirements.Add(Label(one));
        }

        foreach (var one in Split(fields))
        {
            _requirements.Add(Field(one));
        }
    }

    public bool Matches(StoredObject value) => _requirements.All(requirement => requirement(value));

    private static string[] Split(string? selector) => (selector ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    private static Func<StoredObject, bool> Label(string one)
    {
        if (one.Contains(' ', StringComparison.Ordinal))
        {
            throw new ApiErrorException(400, "BadRequest", $"unable to parse requirement: '{one}' is no form that this server knows");
        }

        if (one.StartsWith('!'))
        {
            return value => !value.Labels.ContainsKey(one[1..]);
        }

        if (one.Split("!=") is [var unwanted, var not])
        {
            return value => value.Labels.GetValueOrDefault(unwanted) != not;
        }

        return one.Split('=', StringSplitOptions.RemoveEmptyEntries) is [var name, var wanted]
            ? value => value.Labels.GetValueOrDefault(name) == wanted
            : value => value.Labels.ContainsKey(one);
    }

    private static Func<StoredObject, bool> Field(string one)
    {
        var isNegated = one.Contains("!=", StringComparison.Ordinal);
        var parts = one.Split(["!=", "==", "="], StringSplitOptions.None);
        if (parts is not [var path, var wanted])
        {
            throw new ApiErrorException(400, "BadRequest", $"invalid field selector '{one}'");
        }

        return value => isNegated != (Value(value, path) == wanted);
    }

    private static string Value(StoredObject value, string path) => path switch
    {
        "metadata.name" => value.Name,
        "metadata.namespace" => value.Namespace,
        _ => path.Split('.').Aggregate((JsonNode?)value.ToNode(), (node, name) => (node as JsonObject)?[name])?.ToString() ?? "",
    };
}
