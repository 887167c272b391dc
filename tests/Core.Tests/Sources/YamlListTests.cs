using System.Globalization;
using CsCheck;
using ProxyFramework.Core.Objects;
using ProxyFramework.Core.Sources.Manifests;
using Xunit;

namespace ProxyFramework.Core.Tests.Sources;

/// <summary>A list that is taken apart says what it says as a whole.</summary>
public class YamlListTests
{
    private const int Apart = 40;
    private const int Whole = int.MaxValue / 2;

    private const string Service = "- apiVersion: v1\n  kind: Service\n  metadata: {name: NAME, namespace: shop}\n  spec:\n    clusterIP: 10.96.0.1\n    ports:\n    - port: 80\n";

    private static readonly Gen<string> Item = OneOf(
        Service,
        Service.Replace("10.96.0.1", "10.96.0.400", StringComparison.Ordinal),
        "- apiVersion: apps/v1\n  kind: Deployment\n  metadata:\n    name: NAME\n    annotations:\n      text: |\n        items:\n        - apiVersion: v1\n\n        --- no marker\n",
        "- apiVersion: v1\n  kind: Service\n  metadata:\n    name: NAME\n    annotations:\n      quoted: \"over\n        two lines\\\n        \\ and three\"\n  spec: &spec {ports: [{port: 80}]}\n",
        "- kind: Service\n",
        "- \n",
        "-\n",
        "- 7\n",
        "-   apiVersion: v1\n    kind: Node\n    metadata:\n      name: NAME\n",
        "# a remark\n",
        "\n",
        // These make the document as a whole an error, or mean something else apart from it.
        "- *spec\n",
        "- &spec {apiVersion: v1, kind: Node, metadata: {name: NAME}}\n",
        "- {apiVersion: v1,\n- kind: Service}\n",
        "- \"text that\n- goes on\"\n",
        "- a: 1\n  a: 2\n",
        "-x\n",
        "  - more\n",
        "other: true\n",
        "items: []\n",
        "\t- tab\n");

    private static readonly Gen<string> Document =
        from header in OneOf("apiVersion: v1\n", "apiVersion: v1\nkind: List\n", "---\n# remark\napiVersion: v1\n", "", "<<: &m {kind: List}\n", "apiVersion: &spec v1\n")
        from items in Item.Array[0, 12]
        from tail in OneOf("kind: List\nmetadata:\n  resourceVersion: \"\"\n", "kind: ServiceList\n", "kind: Service\n", "", "kind: List", "metadata:\n- 1\nkind: List\n")
        from end in OneOf("", "---\nkind: List\napiVersion: v1\nitems:\n", "...\n")
        select header + "items:\n" + string.Concat(items.Select((item, index) => item.Replace("NAME", "n" + index, StringComparison.Ordinal))) + tail + end;

    [Fact]
    public void Taken_apart_it_says_what_it_says_as_a_whole() =>
        Document.Sample(text => Assert.Equal(Describe(Read(text, Whole)), Describe(Read(text, Apart))), iter: 20_000);

    [Fact]
    public void A_list_as_kubectl_writes_it_is_taken_apart()
    {
        var text = "apiVersion: v1\nitems:\n" + string.Concat(Enumerable.Repeat(Service, 10)) + "kind: List\nmetadata:\n  resourceVersion: \"\"\n";

        var list = YamlList.Split(text, Assert.Single(YamlDocument.Split(text)), Apart);

        Assert.NotNull(list);
        Assert.Equal("apiVersion: v1\nkind: List\nmetadata:\n  resourceVersion: \"\"\n", list.Header);
        Assert.Equal(10, list.Parts.Count);
        Assert.All(list.Parts, part => Assert.Equal(Service, text.Substring(part.Start, part.Length)));
        Assert.Equal(Enumerable.Range(0, 10), list.Parts.Select(part => part.FirstItem));
    }

    private static Gen<string> OneOf(params string[] texts) => Gen.Int[0, texts.Length - 1].Select(index => texts[index]);

    private static ManifestContents Read(string text, int partLength) => ManifestReader.Read("all.yaml", text, new InternedStrings(), partLength);

    private static string Describe(ManifestContents contents) => string.Join(
        '\n',
        contents.Objects.Select(one => one.ToString())
            .Concat(contents.Problems.Select(problem => problem.ToString()))
            .Concat(contents.OtherKinds.Order())
            .Append(contents.IsBroken.ToString(CultureInfo.InvariantCulture)));
}
