using System.Text.Json.Nodes;

namespace ProxyFramework.ApiServerStandIn;

/// <summary>What clients ask a server before they ask for objects.</summary>
internal static class Discovery
{
    public static JsonNode? Find(string path) => path.TrimEnd('/') switch
    {
        "/version" => new JsonObject { ["major"] = "1", ["minor"] = "36", ["gitVersion"] = "v1.36.0", ["platform"] = "linux/amd64", ["goVersion"] = "none" },
        "/api" => new JsonObject { ["kind"] = "APIVersions", ["versions"] = new JsonArray("v1"), ["serverAddressByClientCIDRs"] = new JsonArray() },
        "/apis" => new JsonObject
        {
            ["kind"] = "APIGroupList",
            ["apiVersion"] = "v1",
            ["groups"] = new JsonArray(Group("discovery.k8s.io")),
        },
        "/api/v1" => Resources("", "v1"),
        "/apis/discovery.k8s.io" => Group("discovery.k8s.io"),
        "/apis/discovery.k8s.io/v1" => Resources("discovery.k8s.io", "v1"),
        "/openapi/v3" => new JsonObject { ["paths"] = new JsonObject() },
        _ => null,
    };

    private static JsonObject Group(string name)
    {
        var version = new JsonObject { ["groupVersion"] = $"{name}/v1", ["version"] = "v1" };
        return new JsonObject
        {
            ["kind"] = "APIGroup",
            ["apiVersion"] = "v1",
            ["name"] = name,
            ["versions"] = new JsonArray(version.DeepClone()),
            ["preferredVersion"] = version,
        };
    }

    private static JsonObject Resources(string group, string version) => new()
    {
        ["kind"] = "APIResourceList",
        ["apiVersion"] = "v1",
        ["groupVersion"] = group.Length == 0 ? version : $"{group}/{version}",
        ["resources"] = new JsonArray([.. ResourceType.All.Where(type => type.Group == group && type.Version == version).Select(type => new JsonObject
        {
            ["name"] = type.Plural,
            ["singularName"] = type.Kind.ToLowerInvariant(),
            ["namespaced"] = type.IsNamespaced,
            ["kind"] = type.Kind,
            ["shortNames"] = new JsonArray([.. type.ShortNames.Select(name => (JsonNode)name)]),
            ["verbs"] = new JsonArray("create", "delete", "get", "list", "patch", "update", "watch"),
        })]),
    };
}
