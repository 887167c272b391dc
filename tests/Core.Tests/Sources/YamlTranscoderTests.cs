using System.Diagnostics;
using System.Text;
using ProxyFramework.Core.Sources.Manifests;
using Xunit;
using YamlDotNet.Core;

namespace ProxyFramework.Core.Tests.Sources;

public class YamlTranscoderTests
{
    /// <summary>YAML and the JSON that kubectl's library makes of it.</summary>
    public static TheoryData<string, string> Documents => new()
    {
        { "", "" },
        { "# only a comment\n", "" },
        { "---\n", "" },
        { "a: b", """{"a":"b"}""" },
        { "a: 80", """{"a":80}""" },
        { "a: \"80\"", """{"a":"80"}""" },
        { "a: '80'", """{"a":"80"}""" },
        { "a: -5", """{"a":-5}""" },
        { "a: +5", """{"a":5}""" },
        { "a: 0x1F", """{"a":31}""" },
        { "a: 0b101", """{"a":5}""" },
        { "a: 0o17", """{"a":15}""" },
        { "a: 0644", """{"a":420}""" },
        { "a: 0899", """{"a":899}""" },
        { "a: 1_000", """{"a":1000}""" },
        { "a: 1.5", """{"a":1.5}""" },
        { "a: 80.0", """{"a":80}""" },
        { "a: 1e3", """{"a":1000}""" },
        { "a: .5", """{"a":0.5}""" },
        { "a: 1.2.3.4", """{"a":"1.2.3.4"}""" },
        { "a: 10.0.0.0/8", """{"a":"10.0.0.0/8"}""" },
        { "a: fd00::1", """{"a":"fd00::1"}""" },
        { "a: 12:30", """{"a":"12:30"}""" },
        { "a: .", """{"a":"."}""" },
        { "a: .inf", """{"a":".inf"}""" },
        { "a: .nan", """{"a":".nan"}""" },
        { "a: 99999999999999999999", """{"a":1E+20}""" },
        { "a: 2024-05-01T10:00:00Z", """{"a":"2024-05-01T10:00:00Z"}""" },
        { "a: true\nb: True\nc: yes\nd: on\ne: y", """{"a":true,"b":true,"c":true,"d":true,"e":true}""" },
        { "a: false\nb: FALSE\nc: no\nd: Off\ne: n", """{"a":false,"b":false,"c":false,"d":false,"e":false}""" },
        { "a: 'yes'", """{"a":"yes"}""" },
        { "a:\nb: ~\nc: null\nd: Null", """{"a":null,"b":null,"c":null,"d":null}""" },
        { "a: ''", """{"a":""}""" },
        { "a: !!str 80", """{"a":"80"}""" },
        { "a: !!int \"80\"", """{"a":80}""" },
        { "a: ! 80", """{"a":"80"}""" },
        { "a: !custom 80", """{"a":80}""" },
        { "8080: a\ntrue: b", """{"8080":"a","true":"b"}""" },
        { "a: |\n  one\n  two\n", """{"a":"one\ntwo\n"}""" },
        { "a: >-\n  one\n  two\n", """{"a":"one two"}""" },
        { "a: [1, {b: c}]", """{"a":[1,{"b":"c"}]}""" },
        { "- a\n- - b\n", """["a",["b"]]""" },
        { "a: &x {b: 1}\nc: *x", """{"a":{"b":1},"c":{"b":1}}""" },
        { "a: &x 80\nc: *x", """{"a":80,"c":80}""" },
        { "a: &x 1\nb: &x 2\nc: *x", """{"a":1,"b":2,"c":2}""" },
        { "k: &k name\n*k : v", """{"k":"name","name":"v"}""" },
        { "base: &b {p: 1, q: 2}\nm:\n  <<: *b\n  q: 3", """{"base":{"p":1,"q":2},"m":{"q":3,"p":1}}""" },
        { "a: &a {x: 1}\nb: &b {x: 2, y: 3}\nm: {<<: [*a, *b]}", """{"a":{"x":1},"b":{"x":2,"y":3},"m":{"x":1,"y":3}}""" },
        { "a: &a {x: 1}\nb: &b {<<: *a, y: 2}\nm: {<<: *b}", """{"a":{"x":1},"b":{"y":2,"x":1},"m":{"y":2,"x":1}}""" },
        { "m: {\"<<\": 1}", """{"m":{"<<":1}}""" },
        { "a: é", """{"a":"é"}""" },
        { "{\"a\": [1, 2], \"b\": {}}", """{"a":[1,2],"b":{}}""" },
    };

    /// <summary>YAML that is refused, and a part of the reason.</summary>
    public static TheoryData<string, string> Refused => new()
    {
        { "a: 1\na: 2", "the key 'a' occurs twice" },
        { "a: {b: 1, 'b': 2}", "the key 'b' occurs twice" },
        { "a1: 1\na2: 1\na3: 1\na4: 1\na5: 1\na6: 1\na7: 1\na8: 1\na9: 1\na10: 1\na2: 2", "the key 'a2' occurs twice" },
        { "? {a: b}\n: c", "a key is not a string" },
        { "a: *x", "there is no anchor 'x' before this alias" },
        { "a: &x [*x]", "the alias 'x' stands inside what it stands for" },
        { "a: {<<: 5}", "'<<' takes a mapping, or a list of mappings" },
        { "a: {<<: [5]}", "'<<' takes a mapping, or a list of mappings" },
        { "a: [1, 2", "" },
        { "a: b: c", "" },
        { "a: \"unfinished", "" },
    };

    [Theory]
    [MemberData(nameof(Documents))]
    public void A_document_becomes_the_JSON_that_kubectl_would_make_of_it(string yaml, string json) =>
        Assert.Equal(json, Transcode(yaml));

    [Theory]
    [MemberData(nameof(Refused))]
    public void What_is_ambiguous_or_no_YAML_is_refused_with_the_reason(string yaml, string reason)
    {
        var e = Assert.ThrowsAny<YamlException>(() => Transcode(yaml));
        Assert.Contains(reason, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Aliases_that_stand_for_terabytes_are_refused_at_once()
    {
        var lists = new StringBuilder("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
        var merges = new StringBuilder("a0: &a0 {x: 1}\n");
        for (var i = 1; i < 30; i++)
        {
            var alias = $"*a{i - 1}";
            lists.Append($"a{i}: &a{i} [{string.Join(", ", Enumerable.Repeat(alias, 9))}]\n");
            merges.Append($"a{i}: &a{i} {{<<: [{string.Join(", ", Enumerable.Repeat(alias, 9))}]}}\n");
        }

        var strings = $"a: &a {new string('x', 1_000_000)}\nb: [{string.Join(", ", Enumerable.Repeat("*a", 1000))}]";
        var watch = Stopwatch.StartNew();
        foreach (var bomb in new[] { lists.ToString(), merges.ToString(), strings })
        {
            var e = Assert.ThrowsAny<YamlException>(() => Transcode(bomb));
            Assert.Contains("the document's aliases stand for too much", e.Message, StringComparison.Ordinal);
        }

        Assert.InRange(watch.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(20));
    }

    [Theory]
    [InlineData("[")]
    [InlineData("{a: ")]
    [InlineData("- ")]
    public void Nesting_without_end_is_refused(string open)
    {
        var e = Assert.ThrowsAny<YamlException>(() => Transcode(string.Concat(Enumerable.Repeat(open, 20_000))));
        Assert.Contains("is nested deeper than 496 levels", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_instance_carries_nothing_from_one_document_to_the_next()
    {
        var transcoder = new YamlTranscoder();
        Assert.ThrowsAny<YamlException>(() => transcoder.Transcode("a: &x [1, {b: 2, b: 3}]"));
        Assert.ThrowsAny<YamlException>(() => transcoder.Transcode("a: *x"));
        Assert.Equal("""{"a":1}""", Encoding.UTF8.GetString(transcoder.Transcode("a: 1")));
    }

    [Fact]
    public void A_stream_is_split_at_its_markers_with_numbers_and_lines()
    {
        const string Text = "%YAML 1.2\n# first\n---\na: 1\n--- # second\nb: |\n  ---x\n ---\n...\n%YAML 1.2\n---\nc: 3\n---\n---\nd: 4\n";
        var documents = YamlDocument.Split(Text);
        Assert.Equal(
            ["1 at 3: a: 1", "2 at 5: b: |\n  ---x\n ---", "3 at 11: c: 3", "4 at 13:", "5 at 14: d: 4"],
            documents.Select(d => $"{d.Number} at {d.Line}: {Text.Substring(d.Start, d.Length)[3..].Replace(" # second", "", StringComparison.Ordinal).Trim()}".TrimEnd()));
    }

    private static string Transcode(string yaml) => Encoding.UTF8.GetString(new YamlTranscoder().Transcode(yaml));
}
