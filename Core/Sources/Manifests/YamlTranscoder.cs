using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Text.Encodings.Web;
using System.Text.Json;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace ProxyFramework.Core.Sources.Manifests;

/// <summary>
/// Turns a YAML document into UTF-8 JSON, for the one decoder there is. Anchors, aliases and merge keys are expanded, within a limit;
/// a key that occurs twice is an error, as it is to kubectl. One instance is used for one document after another.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "The writer writes to memory: there is nothing to be released.")]
internal sealed class YamlTranscoder
{
    /// <summary>What aliases may add to a document: a document of a kilobyte can otherwise stand for terabytes.</summary>
    private const int MaxExpandedNodes = 1_000_000;
    private const int MaxExpandedBytes = 16 << 20;

    private const int MaxDepth = Objects.ObjectDecoder.MaxDepth - 4;
    private const string YamlTagPrefix = "tag:yaml.org,2002:";

    // Nothing is checked: what is written here is well formed by construction.
    private static readonly JsonWriterOptions WriterOptions = new() { SkipValidation = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly ArrayBufferWriter<byte> _buffer = new(16 * 1024);
    private readonly Utf8JsonWriter _writer;
    private readonly List<Node> _nodes = [];
    private readonly Stack<int> _open = new();
    private readonly Dictionary<string, int> _anchors = [];
    private long _visited;
    private long _maxBytes;

    public YamlTranscoder()
    {
        _writer = new Utf8JsonWriter(_buffer, WriterOptions);
    }

    private enum NodeKind : byte
    {
        PlainScalar,
        StringScalar,
        Sequence,
        Mapping,
        Alias,
    }

    /// <summary>Reads one document.</summary>
    /// <returns>The JSON, valid until the next call; empty where the document is empty.</returns>
    /// <exception cref="YamlException">It is not YAML, or stands for too much; the lines are those of <paramref name="text"/>.</exception>
    public ReadOnlySpan<byte> Transcode(string text)
    {
        Read(new Parser(new StringReader(text)));
        _buffer.ResetWrittenCount();
        _writer.Reset();
        _visited = 0;
        _maxBytes = MaxExpandedBytes + (8L * text.Length);
        if (_nodes.Count > 0 && !(_nodes[0].Kind == NodeKind.PlainScalar && _nodes[0].Text.Length == 0))
        {
            Write(0);
        }

        _writer.Flush();
        return _buffer.WrittenSpan;
    }

    // A document becomes a flat list of nodes, each with the index after its last descendant.
    private void Read(Parser parser)
    {
        _nodes.Clear();
        _open.Clear();
        _anchors.Clear();
        var documents = 0;
        while (parser.MoveNext())
        {
            switch (parser.Current)
            {
                case DocumentStart start when ++documents > 1:
                    throw new SemanticErrorException(start.Start, start.End, "a second document starts here without '---'");
                case Scalar scalar:
                    Add(scalar, IsPlain(scalar) ? NodeKind.PlainScalar : NodeKind.StringScalar, scalar.Value);
                    break;
                case AnchorAlias alias:
                    AddAlias(alias);
                    break;
                case SequenceStart sequence:
                    Open(sequence, NodeKind.Sequence);
                    break;
                case MappingStart mapping:
                    Open(mapping, NodeKind.Mapping);
                    break;
                case SequenceEnd or MappingEnd:
                    var opened = _open.Pop();
                    _nodes[opened] = _nodes[opened] with { End = _nodes.Count };
                    break;
            }
        }
    }

    private static bool IsPlain(Scalar scalar) => scalar.Tag.IsEmpty
        ? scalar.Style == ScalarStyle.Plain
        : scalar.Tag.IsLocal || scalar.Tag.IsNonSpecific
            ? scalar.Style == ScalarStyle.Plain && !scalar.Tag.IsNonSpecific
            : scalar.Tag.Value is YamlTagPrefix + "int" or YamlTagPrefix + "float" or YamlTagPrefix + "bool" or YamlTagPrefix + "null";

    private void Open(NodeEvent node, NodeKind kind)
    {
        if (_open.Count >= MaxDepth)
        {
            throw new SemanticErrorException(node.Start, node.End, $"is nested deeper than {MaxDepth} levels");
        }

        _open.Push(_nodes.Count);
        Add(node, kind, "");
    }

    private void Add(NodeEvent node, NodeKind kind, string text)
    {
        if (!node.Anchor.IsEmpty)
        {
            _anchors[node.Anchor.Value] = _nodes.Count;
        }

        // A collection's end is set when it is known; until then it is 0.
        var end = kind is NodeKind.Sequence or NodeKind.Mapping ? 0 : _nodes.Count + 1;
        _nodes.Add(new Node(kind, text, end, -1, node.Start));
    }

    private void AddAlias(AnchorAlias alias)
    {
        if (!_anchors.TryGetValue(alias.Value.Value, out var target))
        {
            throw new AnchorNotFoundException(alias.Start, alias.End, $"there is no anchor '{alias.Value}' before this alias");
        }

        if (_nodes[target].End == 0)
        {
            throw new SemanticErrorException(alias.Start, alias.End, $"the alias '{alias.Value}' stands inside what it stands for");
        }

        _nodes.Add(new Node(NodeKind.Alias, "", _nodes.Count + 1, target, alias.Start));
    }

    private void Write(int index)
    {
        var node = _nodes[index];
        Visit(node);
        switch (node.Kind)
        {
            case NodeKind.PlainScalar:
                YamlScalar.Write(_writer, node.Text);
                break;
            case NodeKind.StringScalar:
                _writer.WriteStringValue(node.Text);
                break;
            case NodeKind.Alias:
                Write(node.Target);
                break;
            case NodeKind.Sequence:
                _writer.WriteStartArray();
                for (var item = index + 1; item < node.End; item = _nodes[item].End)
                {
                    Write(item);
                }

                _writer.WriteEndArray();
                break;
            default:
                WriteMapping(index, node);
                break;
        }
    }

    private void Visit(in Node node)
    {
        if (++_visited > _nodes.Count + MaxExpandedNodes || _writer.BytesPending + _writer.BytesCommitted > _maxBytes)
        {
            throw new SemanticErrorException(node.Start, node.Start, "the document's aliases stand for too much");
        }
    }

    private void WriteMapping(int index, in Node mapping)
    {
        _writer.WriteStartObject();
        var keys = new KeySet();
        var hasMerge = false;
        for (var key = index + 1; key < mapping.End; key = _nodes[_nodes[key].End].End)
        {
            if (IsMergeKey(key))
            {
                hasMerge = true;
                continue;
            }

            var name = KeyText(key);
            if (!keys.Add(name))
            {
                throw new SemanticErrorException(_nodes[key].Start, _nodes[key].Start, $"the key '{name}' occurs twice");
            }

            _writer.WritePropertyName(name);
            Write(_nodes[key].End);
        }

        if (hasMerge)
        {
            MergeInto(ref keys, index, mapping);
        }

        _writer.WriteEndObject();
    }

    private bool IsMergeKey(int key) => _nodes[key] is { Kind: NodeKind.PlainScalar, Text: "<<" };

    private string KeyText(int key)
    {
        var node = _nodes[key];
        node = node.Kind == NodeKind.Alias ? _nodes[node.Target] : node;
        return node.Kind is NodeKind.PlainScalar or NodeKind.StringScalar
            ? node.Text
            : throw new SemanticErrorException(node.Start, node.Start, "a key is not a string");
    }

    // The merge key (yaml.org/type/merge.html): what is merged in gives way to the mapping's own keys, later to earlier sources.
    private void MergeInto(ref KeySet keys, int index, in Node mapping)
    {
        for (var key = index + 1; key < mapping.End; key = _nodes[_nodes[key].End].End)
        {
            if (!IsMergeKey(key))
            {
                continue;
            }

            var source = Target(_nodes[key].End);
            if (_nodes[source].Kind == NodeKind.Mapping)
            {
                MergeFrom(ref keys, source);
                continue;
            }

            if (_nodes[source].Kind != NodeKind.Sequence)
            {
                throw NotMergeable(source);
            }

            for (var item = source + 1; item < _nodes[source].End; item = _nodes[item].End)
            {
                MergeFrom(ref keys, Target(item));
            }
        }
    }

    private void MergeFrom(ref KeySet keys, int source)
    {
        var mapping = _nodes[source];
        if (mapping.Kind != NodeKind.Mapping)
        {
            throw NotMergeable(source);
        }

        for (var key = source + 1; key < mapping.End; key = _nodes[_nodes[key].End].End)
        {
            Visit(mapping);
            if (!IsMergeKey(key) && KeyText(key) is var name && keys.Add(name))
            {
                _writer.WritePropertyName(name);
                Write(_nodes[key].End);
            }
        }

        MergeInto(ref keys, source, mapping);
    }

    private SemanticErrorException NotMergeable(int source) =>
        new(_nodes[source].Start, _nodes[source].Start, "'<<' takes a mapping, or a list of mappings");

    private int Target(int index) => _nodes[index].Kind == NodeKind.Alias ? _nodes[index].Target : index;

    private readonly record struct Node(NodeKind Kind, string Text, int End, int Target, Mark Start);

    /// <summary>The keys of one mapping: a few are compared one by one, many are hashed.</summary>
    private struct KeySet
    {
        private const int MaxCompared = 8;

        private InlineKeys _few;
        private int _count;
        private HashSet<string>? _many;

        public bool Add(string key)
        {
            if (_many is not null)
            {
                return _many.Add(key);
            }

            for (var i = 0; i < _count; i++)
            {
                if (_few[i] == key)
                {
                    return false;
                }
            }

            if (_count < MaxCompared)
            {
                _few[_count++] = key;
                return true;
            }

            _many = new HashSet<string>(StringComparer.Ordinal) { key };
            foreach (var earlier in _few)
            {
                _many.Add(earlier);
            }

            return true;
        }

        [System.Runtime.CompilerServices.InlineArray(MaxCompared)]
        private struct InlineKeys
        {
            private string _first;
        }
    }
}
