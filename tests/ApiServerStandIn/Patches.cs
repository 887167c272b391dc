using System.Globalization;
using System.Text.Json.Nodes;

namespace ProxyFramework.ApiServerStandIn;

/// <summary>The three kinds of patches that kubectl sends.</summary>
internal static class Patches
{
    /// <summary>Lists that a strategic merge patch merges by a key, with that key (the API's <c>patchMergeKey</c>); all others are replaced.</summary>
    private static readonly Dictionary<string, string> MergeKeys = new()
    {
        ["Service:spec.ports"] = "port",
        ["Node:status.addresses"] = "type",
        ["Node:status.conditions"] = "type",
        ["Service:status.conditions"] = "type",
    };

    public static JsonObject Apply(ResourceType type, JsonObject value, JsonNode patch, string? contentType) => contentType?.Split(';')[0] switch
    {
        "application/merge-patch+json" => Merge(value, patch.AsObject()),
        "application/strategic-merge-patch+json" => Strategic(type.Kind + ":", value, patch.AsObject()),
        "application/json-patch+json" => Operations(value, patch.AsArray()),
        _ => throw new ApiErrorException(415, "UnsupportedMediaType", $"the body of the request was in an unknown format: {contentType}"),
    };

    /// <summary>RFC 7396.</summary>
    private static JsonObject Merge(JsonObject value, JsonObject patch)
    {
        foreach (var (name, change) in patch)
        {
            switch (change)
            {
                case null:
                    value.Remove(name);
                    break;
                case JsonObject inner:
                    value[name] = Merge(value[name] as JsonObject is { } current ? current.DeepClone().AsObject() : [], inner);
                    break;
                default:
                    value[name] = change.DeepClone();
                    break;
            }
        }

        return value;
    }

    private static JsonObject Strategic(string path, JsonObject value, JsonObject patch)
    {
        if ((string?)patch["$patch"] == "replace")
        {
            var replaced = patch.DeepClone().AsObject();
            replaced.Remove("$patch");
            return replaced;
        }

        foreach (var (name, change) in patch)
        {
            if (name.StartsWith('$'))
            {
                // $setElementOrder and $retainKeys: the order of these lists means nothing, and no union is patched here.
                continue;
            }

            var separator = path.EndsWith(':') ? "" : ".";
            var inner = $"{path}{separator}{name}";
            switch (change)
            {
                case null:
                    value.Remove(name);
                    break;
                case JsonObject fields:
                    value[name] = Strategic(inner, value[name] as JsonObject is { } current ? current.DeepClone().AsObject() : [], fields);
                    break;
                case JsonArray elements when MergeKeys.TryGetValue(inner, out var key):
                    value[name] = MergeList(inner, value[name] as JsonArray ?? [], elements, key);
                    break;
                default:
                    value[name] = change.DeepClone();
                    break;
            }
        }

        return value;
    }

    private static JsonArray MergeList(string path, JsonArray current, JsonArray patch, string key)
    {
        var result = current.DeepClone().AsArray();
        foreach (var element in patch.OfType<JsonObject>())
        {
            var same = result.OfType<JsonObject>().FirstOrDefault(one => one[key]?.ToString() == element[key]?.ToString());
            if ((string?)element["$patch"] == "delete")
            {
                result.Remove(same);
            }
            else if (same is null)
            {
                result.Add(element.DeepClone());
            }
            else
            {
                result[result.IndexOf(same)] = Strategic(path, same.DeepClone().AsObject(), element);
            }
        }

        return result;
    }

    /// <summary>RFC 6902.</summary>
    private static JsonObject Operations(JsonObject value, JsonArray operations)
    {
        foreach (var operation in operations.OfType<JsonObject>())
        {
            var path = Pointer((string?)operation["path"]);
            switch ((string?)operation["op"])
            {
                case "add":
                    Add(value, path, operation["value"]?.DeepClone());
                    break;
                case "replace":
                    Remove(value, path);
                    Add(value, path, operation["value"]?.DeepClone());
                    break;
                case "remove":
                    Remove(value, path);
                    break;
                case "test":
                    if (!JsonNode.DeepEquals(Find(value, path), operation["value"]))
                    {
                        throw new ApiErrorException(422, "Invalid", $"testing value {operation["path"]} failed: test failed");
                    }

                    break;
                case "move" or "copy" when Pointer((string?)operation["from"]) is var from:
                    var moved = Find(value, from)?.DeepClone();
                    if ((string?)operation["op"] == "move")
                    {
                        Remove(value, from);
                    }

                    Add(value, path, moved);
                    break;
                default:
                    throw new ApiErrorException(400, "BadRequest", $"unexpected operation {operation["op"]}");
            }
        }

        return value;
    }

    private static string[] Pointer(string? path) =>
        [.. (path ?? "").Split('/')[1..].Select(part => part.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal))];

    private static JsonNode? Find(JsonNode root, string[] path) => path.Aggregate((JsonNode?)root, (node, part) => node switch
    {
        JsonObject fields => fields[part],
        JsonArray list => list[int.Parse(part, CultureInfo.InvariantCulture)],
        _ => throw Missing(path),
    });

    private static void Add(JsonNode root, string[] path, JsonNode? value)
    {
        switch (Find(root, path[..^1]))
        {
            case JsonObject fields:
                fields[path[^1]] = value;
                break;
            case JsonArray list when path[^1] == "-":
                list.Add(value);
                break;
            case JsonArray list:
                list.Insert(int.Parse(path[^1], CultureInfo.InvariantCulture), value);
                break;
            default:
                throw Missing(path);
        }
    }

    private static void Remove(JsonNode root, string[] path)
    {
        switch (Find(root, path[..^1]))
        {
            case JsonObject fields when fields.Remove(path[^1]):
                break;
            case JsonArray list when int.Parse(path[^1], CultureInfo.InvariantCulture) is var index && index < list.Count:
                list.RemoveAt(index);
                break;
            default:
                throw Missing(path);
        }
    }

    private static ApiErrorException Missing(string[] path) => new(422, "Invalid", $"the server rejected our request: no such path /{string.Join('/', path)}");
}
