using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace ProxyFramework.Benchmarks.Scale;

/// <summary>
/// Services and their EndpointSlices as an API server keeps them and <c>kubectl get</c> prints them, with all the fields that a proxy
/// passes over: 1 to 5 endpoints each, which share a few server addresses.
/// </summary>
/// <param name="FirstAddress">The first service's address; the others follow.</param>
/// <param name="Port">The services' port.</param>
/// <param name="FirstServer">The first of the five server addresses, which follow one another.</param>
/// <param name="ServerPort">The servers' port.</param>
internal sealed record ClusterManifests(IPAddress FirstAddress, int Port, IPAddress FirstServer, int ServerPort)
{
    public const int MaxEndpoints = 5;

    private static readonly JsonSerializerOptions Indented = new()
    {
        WriteIndented = true,
        IndentSize = 4,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>Writes the manifests of that many services.</summary>
    /// <param name="folder">Where to; it is made.</param>
    /// <param name="services">How many.</param>
    /// <param name="layout">
    /// <c>list</c>: one file with one <c>List</c>; <c>documents</c>: one file with one document an object (YAML only); <c>files</c>: one
    /// file a service.
    /// </param>
    /// <param name="format"><c>yaml</c> or <c>json</c>.</param>
    public void Write(string folder, int services, string layout, string format)
    {
        Directory.CreateDirectory(folder);
        var indices = Enumerable.Range(0, services);
        switch (layout)
        {
            case "list":
                // As kubectl prints two kinds: all of one, then all of the other.
                File.WriteAllText(Path.Combine(folder, "all." + format), Text(List(indices.Select(Service).Concat(indices.Select(Slice))), format));
                break;
            case "documents" when format == "yaml":
                File.WriteAllText(
                    Path.Combine(folder, "all.yaml"),
                    string.Join("---\n", indices.SelectMany(index => new[] { Service(index), Slice(index) }).Select(one => Text(one, format))));
                break;
            case "files":
                foreach (var index in indices)
                {
                    File.WriteAllText(
                        Path.Combine(folder, $"{Name(index)}.{format}"),
                        Text(List([Service(index), Slice(index)]), format));
                }

                break;
            default:
                throw new ArgumentException($"no layout '{layout}' in {format}: list, documents (yaml only) or files");
        }
    }

    /// <summary>Where a service answers.</summary>
    public IPEndPoint Frontend(int index) => new(Offset(FirstAddress, index), Port);

    /// <summary>The addresses that the endpoints share.</summary>
    public IEnumerable<IPEndPoint> Servers => Enumerable.Range(0, MaxEndpoints).Select(index => new IPEndPoint(Offset(FirstServer, index), ServerPort));

    /// <summary>A node's name, of the length that they have.</summary>
    public static string NodeName(int node) =>
        string.Create(CultureInfo.InvariantCulture, $"ip-10-0-{node / 256}-{node % 256}.eu-central-1.compute.internal");

    /// <summary>A Service.</summary>
    public JsonObject Service(int index)
    {
        var address = Frontend(index).Address.ToString();
        return new JsonObject
        {
            ["apiVersion"] = "v1",
            ["kind"] = "Service",
            ["metadata"] = Metadata(index, Name(index), new JsonObject { ["app.kubernetes.io/name"] = Name(index), ["team"] = Namespace(index) }),
            ["spec"] = new JsonObject
            {
                ["clusterIP"] = address,
                ["clusterIPs"] = new JsonArray(address),
                ["internalTrafficPolicy"] = "Cluster",
                ["ipFamilies"] = new JsonArray("IPv4"),
                ["ipFamilyPolicy"] = "SingleStack",
                ["ports"] = new JsonArray(new JsonObject { ["name"] = "http", ["port"] = Port, ["protocol"] = "TCP", ["targetPort"] = "http" }),
                ["selector"] = new JsonObject { ["app.kubernetes.io/name"] = Name(index) },
                ["sessionAffinity"] = "None",
                ["type"] = "ClusterIP",
            },
            ["status"] = new JsonObject { ["loadBalancer"] = new JsonObject() },
        };
    }

    /// <summary>Its EndpointSlice.</summary>
    public JsonObject Slice(int index)
    {
        var name = string.Create(CultureInfo.InvariantCulture, $"{Name(index)}-x{index:x4}");
        var metadata = Metadata(index, name, new JsonObject
        {
            ["app.kubernetes.io/name"] = Name(index),
            ["endpointslice.kubernetes.io/managed-by"] = "endpointslice-controller.k8s.io",
            ["kubernetes.io/service-name"] = Name(index),
        });
        metadata["ownerReferences"] = new JsonArray(new JsonObject
        {
            ["apiVersion"] = "v1",
            ["blockOwnerDeletion"] = true,
            ["controller"] = true,
            ["kind"] = "Service",
            ["name"] = Name(index),
            ["uid"] = Uid(index),
        });
        return new JsonObject
        {
            ["addressType"] = "IPv4",
            ["apiVersion"] = "discovery.k8s.io/v1",
            ["endpoints"] = new JsonArray([.. Enumerable.Range(0, 1 + (index % MaxEndpoints)).Select(number => SliceEndpoint(index, number))]),
            ["kind"] = "EndpointSlice",
            ["metadata"] = metadata,
            ["ports"] = new JsonArray(new JsonObject { ["name"] = "http", ["port"] = ServerPort, ["protocol"] = "TCP" }),
        };
    }

    private JsonObject SliceEndpoint(int index, int number) => new()
    {
        ["addresses"] = new JsonArray(Offset(FirstServer, number).ToString()),
        ["conditions"] = new JsonObject { ["ready"] = true, ["serving"] = true, ["terminating"] = false },
        ["nodeName"] = NodeName((index + number) % 1000),
        ["targetRef"] = new JsonObject
        {
            ["kind"] = "Pod",
            ["name"] = string.Create(CultureInfo.InvariantCulture, $"{Name(index)}-7d9f8b6c5d-{number:x5}"),
            ["namespace"] = Namespace(index),
            ["uid"] = Uid((index * MaxEndpoints) + number),
        },
        ["zone"] = "eu-central-1" + (char)('a' + (number % 3)),
    };

    private static JsonObject Metadata(int index, string name, JsonObject labels) => new()
    {
        ["creationTimestamp"] = DateTimeOffset.UnixEpoch.AddSeconds(1_700_000_000 + index).UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture),
        ["labels"] = labels,
        ["name"] = name,
        ["namespace"] = Namespace(index),
        ["resourceVersion"] = (4_000_000 + index).ToString(CultureInfo.InvariantCulture),
        ["uid"] = Uid(index),
    };

    private static JsonObject List(IEnumerable<JsonObject> items) => new()
    {
        ["apiVersion"] = "v1",
        ["items"] = new JsonArray([.. items]),
        ["kind"] = "List",
        ["metadata"] = new JsonObject { ["resourceVersion"] = "" },
    };

    private static string Text(JsonObject value, string format)
    {
        if (format == "json")
        {
            return value.ToJsonString(Indented) + "\n";
        }

        var text = new StringBuilder();
        KubectlYaml.Write(text, value);
        return text.ToString();
    }

    private static string Namespace(int index) => string.Create(CultureInfo.InvariantCulture, $"team-{index % 200}");

    private static string Name(int index) => string.Create(CultureInfo.InvariantCulture, $"checkout-backend-{index}");

    private static string Uid(int number) => string.Create(CultureInfo.InvariantCulture, $"c0ffee00-{number % 0x10000:x4}-4a5b-8c7d-{number:x12}");

    private static IPAddress Offset(IPAddress first, int offset)
    {
        var bytes = first.GetAddressBytes();
        System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(
            bytes, System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(bytes) + (uint)offset);
        return new IPAddress(bytes);
    }
}
