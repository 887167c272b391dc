using System.Text;
using CsCheck;
using ProxyFramework.Core.Objects;
using ProxyFramework.Core.Sources.Manifests;
using Xunit;
using static ProxyFramework.Core.Tests.Objects.DecodingCases;

namespace ProxyFramework.Core.Tests.Sources;

/// <summary>Whatever is in a file, it ends in objects and problems: never in an exception, and never not at all.</summary>
public class ManifestFuzzTests
{
    private const string Yaml = """
        apiVersion: v1
        kind: Service
        metadata: &m
          name: web
          annotations: {proxyframework.io/weights: '{"10.0.0.1": 5}'}
        spec:
          clusterIPs: [10.96.0.1, "fd00::1"]
          ports:
          - {name: http, port: 80, nodePort: 30080}
        ---
        apiVersion: discovery.k8s.io/v1
        kind: EndpointSlice
        metadata:
          <<: *m
          labels: {kubernetes.io/service-name: web}
        addressType: IPv4
        endpoints:
        - addresses: [10.0.0.1]
          conditions: {ready: yes}
        """;

    private static readonly string[] Pieces =
    [
        "{", "}", "[", "]", ":", ",", "\"", "'", "&a ", "*a", "<<: ", "- ", "? ", "|\n", ">-\n", "---\n", "...\n", "%YAML 9.9\n", "!!str ", "!x!y ",
        "\t", "\0", "\u0085", "\uFEFF", "\\u12", "\\ud800", "null", "~", "-1", "1e999", "99999999999999999999", "\n", "  ", "#", "null", "{}", "[]", "\"\"",
    ];

    private static readonly Gen<(int Kind, int At, int Length, int Piece)> Edit =
        Gen.Select(Gen.Int[0, 3], Gen.Int[0, 10_000], Gen.Int[1, 40], Gen.Int[0, Pieces.Length - 1]);

    private static readonly Gen<(int Kind, int At, int Length, int Piece)[]> Edits = Edit.Array[1, 6];

    [Fact]
    public void Mutated_YAML_never_throws() =>
        Edits.Sample(edits => Check("a.yaml", Mutate(Yaml, edits)), iter: 3000);

    [Fact]
    public void Mutated_JSON_never_throws() => Edits.Sample(
        edits =>
        {
            Check("a.json", Mutate(Service(""","clusterIPs":["10.96.0.1"],"sessionAffinity":"ClientIP" """), edits));
            Check("a.json", Mutate($$"""{"kind":"List","apiVersion":"v1","items":[{{Slice()}},{{Node()}}]}""", edits));
        },
        iter: 3000);

    [Fact]
    public void Bytes_that_mean_nothing_never_throw() => Gen.Select(Gen.Byte.Array[0, 200], Gen.Bool).Sample(
        (bytes, isJson) => CheckBytes(isJson ? "a.json" : "a.yaml", bytes), iter: 3000);

    private static void Check(string file, string text) => CheckBytes(file, Encoding.UTF8.GetBytes(text));

    private static void CheckBytes(string file, byte[] bytes)
    {
        var strings = new InternedStrings(16);
        var contents = ManifestReader.Read(file, bytes, strings, new ManifestDocumentReader(strings));
        Assert.True(!contents.IsBroken || contents.Problems.Count > 0, "broken, but nothing was reported");
        Assert.All(contents.Problems, problem =>
        {
            Assert.NotEmpty(problem.Message);
            Assert.StartsWith("a.", problem.Origin, StringComparison.Ordinal);
        });
    }

    private static string Mutate(string text, (int Kind, int At, int Length, int Piece)[] edits)
    {
        foreach (var (kind, position, wanted, piece) in edits)
        {
            var at = position % (text.Length + 1);
            var length = Math.Min(wanted, text.Length - at);
            text = kind switch
            {
                0 => text.Remove(at, length),
                1 => text.Insert(at, Pieces[piece]),
                2 => text.Remove(at, length).Insert(at, Pieces[piece]),
                _ => text.Insert(at, text.Substring(at, length)),
            };
        }

        return text;
    }
}
