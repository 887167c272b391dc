using System.Text;
using ProxyFramework.Core.Objects;

namespace ProxyFramework.Core.Tests.Objects;

/// <summary>Decodes text for a test.</summary>
internal static class DecodingCases
{
    public static DecodedObject Decode(string json) => new ObjectDecoder(new InternedStrings()).Decode(Encoding.UTF8.GetBytes(json));

    /// <summary>The problems as <c>field: message</c>, one a line.</summary>
    public static string Problems(in DecodedObject decoded) =>
        string.Join('\n', decoded.Problems.Select(problem => $"{problem.Field}: {problem.Message}"));

    /// <summary>A Service with one port and this in its spec besides.</summary>
    public static string Service(string spec = "", string ports = """[{"port":80}]""", string status = "{}", string metadata = "") => $$"""
        {"apiVersion":"v1","kind":"Service","metadata":{"name":"web"{{metadata}}},
         "spec":{"ports":{{ports}}{{spec}}},"status":{{status}}}
        """;

    /// <summary>An EndpointSlice with these endpoints.</summary>
    public static string Slice(
        string endpoints = """[{"addresses":["10.0.0.1"]}]""",
        string ports = """[{"name":"http","port":8080}]""",
        string addressType = "\"IPv4\"",
        string metadata = "") => $$"""
        {"apiVersion":"discovery.k8s.io/v1","kind":"EndpointSlice",
         "metadata":{"name":"web-a","labels":{"kubernetes.io/service-name":"web"}{{metadata}}},
         "addressType":{{addressType}},"ports":{{ports}},"endpoints":{{endpoints}}}
        """;

    /// <summary>A Node.</summary>
    public static string Node(string spec = "{}", string status = "{}", string metadata = "") => $$"""
        {"apiVersion":"v1","kind":"Node","metadata":{"name":"node-1"{{metadata}}},"spec":{{spec}},"status":{{status}}}
        """;
}
