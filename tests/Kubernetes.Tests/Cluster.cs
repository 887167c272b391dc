using System.Globalization;
using System.Text.Json.Nodes;
using ProxyFramework.ApiServerStandIn;

namespace ProxyFramework.Kubernetes.Tests;

/// <summary>Objects as the API server keeps them.</summary>
internal static class Cluster
{
    public const string Node = "node-1";

    public static JsonObject Service(int index, string? proxyName = null, int port = 80) => Service(
        string.Create(CultureInfo.InvariantCulture, $"web-{index:D5}"),
        string.Create(CultureInfo.InvariantCulture, $"10.96.{index / 250}.{1 + (index % 250)}"),
        proxyName,
        port);

    public static JsonObject Service(string name, string address, string? proxyName = null, int port = 80)
    {
        var metadata = Metadata(name);
        if (proxyName is not null)
        {
            metadata["labels"] = new JsonObject { ["service.kubernetes.io/service-proxy-name"] = proxyName };
        }

        return new JsonObject
        {
            ["metadata"] = metadata,
            ["spec"] = new JsonObject
            {
                ["clusterIP"] = address,
                ["clusterIPs"] = new JsonArray(address),
                ["ports"] = new JsonArray(new JsonObject { ["name"] = "http", ["port"] = port, ["protocol"] = "TCP", ["targetPort"] = 9376 }),
                ["type"] = "ClusterIP",
            },
            ["status"] = new JsonObject { ["loadBalancer"] = new JsonObject() },
        };
    }

    public static JsonObject Slice(int index, params string[] addresses) =>
        Slice(string.Create(CultureInfo.InvariantCulture, $"web-{index:D5}"), addresses);

    public static JsonObject Slice(string service, params string[] addresses)
    {
        var metadata = Metadata(service + "-abcde");
        metadata["labels"] = new JsonObject { ["kubernetes.io/service-name"] = service };
        return new JsonObject
        {
            ["metadata"] = metadata,
            ["addressType"] = "IPv4",
            ["ports"] = new JsonArray(new JsonObject { ["name"] = "http", ["port"] = 9376, ["protocol"] = "TCP" }),
            ["endpoints"] = new JsonArray([.. addresses.Select(address => new JsonObject
            {
                ["addresses"] = new JsonArray(address),
                ["conditions"] = new JsonObject { ["ready"] = true },
                ["nodeName"] = Node,
            })]),
        };
    }

    public static JsonObject NodeObject(string name = Node, string? podCidr = "10.244.1.0/24") => new()
    {
        ["metadata"] = new JsonObject { ["name"] = name, ["labels"] = new JsonObject { ["topology.kubernetes.io/zone"] = "zone-a" } },
        ["spec"] = podCidr is null ? [] : new JsonObject { ["podCIDR"] = podCidr, ["podCIDRs"] = new JsonArray(podCidr) },
        ["status"] = new JsonObject { ["addresses"] = new JsonArray(new JsonObject { ["type"] = "InternalIP", ["address"] = "192.0.2.1" }) },
    };

    /// <summary>Fills a server: services with one slice of two endpoints each, and the node.</summary>
    public static void Fill(this StandInServer server, int services)
    {
        server.Store.Load(ResourceType.Services, Enumerable.Range(0, services).Select(index => Service(index)));
        server.Store.Load(ResourceType.EndpointSlices, Enumerable.Range(0, services).Select(index => Slice(index, "10.244.1.10", "10.244.2.10")));
        server.Store.Load(ResourceType.Nodes, [NodeObject()]);
    }

    public static NamespacedName Name(int index) => new("default", string.Create(CultureInfo.InvariantCulture, $"web-{index:D5}"));

    public static NamespacedName SliceName(int index) => new("default", Name(index).Name + "-abcde");

    private static JsonObject Metadata(string name) => new() { ["name"] = name, ["namespace"] = "default" };
}
