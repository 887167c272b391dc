using System.Collections.Immutable;
using System.Globalization;
using ProxyFramework.KernelBackends;

namespace ProxyFramework.Backends.Iptables.Layout;

/// <summary>
/// KUBE-SERVICES: a tree of chains by the destination's lowest bits, four a level, so that a new connection passes a few dozen rules
/// however many services there are. Its shape depends on the frontends only, not on the order in which they came.
/// </summary>
internal sealed class AddressTree(RuleTable table)
{
    /// <summary>The most frontends of a chain that is not split.</summary>
    public const int MaxLeaf = 32;

    private const int MaxDepth = 8;

    private readonly Node _root = new(ChainNames.Services, 0);
    private readonly Dictionary<string, Node> _nodes = [];

    /// <summary>The names of all chains.</summary>
    public IEnumerable<string> Names => [ChainNames.Services, .. _nodes.Keys];

    /// <summary>Sets or takes away the rules of a frontend.</summary>
    /// <param name="key">The frontend; port 0 is what is left of an address.</param>
    /// <param name="rules">Its rules; none to take it away.</param>
    /// <param name="touched">Takes the chains that change.</param>
    public void Put(FrontendKey key, ImmutableArray<Rule> rules, ISet<ChainId> touched) => Put(_root, key, rules, touched);

    /// <summary>The rules of a chain; null where there is no such chain.</summary>
    public IReadOnlyList<Rule>? Rules(string name)
    {
        var node = name == ChainNames.Services ? _root : _nodes.GetValueOrDefault(name);
        return node?.Children is { } children
            ? [.. children.Where(static child => child is { Count: > 0 }).Select((child) => new Rule($"-d {Mask(child!)} -g {child!.Name}"))]
            : node?.Leaves.Values.SelectMany(static rules => rules).ToList();
    }

    private static int Nibble(InetAddress address, int depth)
    {
        Span<byte> bytes = stackalloc byte[16];
        var size = address.WriteBytes(bytes);
        return (bytes[size - 1 - (depth / 2)] >> (4 * (depth % 2))) & 15;
    }

    private static string Mask(Node child)
    {
        var depth = child.Depth - 1;
        var isIPv4 = child.IsIPv4;
        InetAddress At(uint bits)
        {
            Span<byte> bytes = stackalloc byte[16];
            bytes.Clear();
            System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(bytes[12..], bits << (4 * depth));
            return InetAddress.FromBytes(isIPv4 ? bytes[12..] : bytes);
        }

        var value = At(Convert.ToUInt32(child.Name[^1..], 16));
        return isIPv4 && depth == MaxDepth - 1 ? $"{value}/4" : $"{value}/{At(15)}";
    }

    private void Put(Node node, FrontendKey key, ImmutableArray<Rule> rules, ISet<ChainId> touched)
    {
        if (node.Children is null)
        {
            touched.Add(new(table, node.Name));
            _ = rules.IsEmpty ? node.Leaves.Remove(key) : Set(node.Leaves, key, rules);
            node.Count = node.Leaves.Count;
            if (node.Count > MaxLeaf && node.Depth < MaxDepth)
            {
                Split(node, touched);
            }

            return;
        }

        var child = Child(node, key, touched);
        var before = child.Count;
        Put(child, key, rules, touched);
        node.Count += child.Count - before;
        if (child.Count == 0 || before == 0)
        {
            touched.Add(new(table, node.Name));
        }

        if (child.Count == 0)
        {
            Forget(child, touched);
            node.Children[Nibble(key.Address, node.Depth)] = null;
        }

        if (node.Count <= MaxLeaf)
        {
            Merge(node, touched);
        }
    }

    private static bool Set(SortedDictionary<FrontendKey, ImmutableArray<Rule>> leaves, FrontendKey key, ImmutableArray<Rule> rules)
    {
        leaves[key] = rules;
        return true;
    }

    private Node Child(Node node, FrontendKey key, ISet<ChainId> touched)
    {
        ref var child = ref node.Children![Nibble(key.Address, node.Depth)];
        if (child is null)
        {
            var digit = Nibble(key.Address, node.Depth).ToString("x", CultureInfo.InvariantCulture);
            child = new(node.Depth == 0 ? $"{node.Name}-{digit}" : node.Name + digit, node.Depth + 1) { IsIPv4 = key.Address.IsIPv4 };
            _nodes[child.Name] = child;
            touched.Add(new(table, child.Name));
        }

        return child;
    }

    private void Split(Node node, ISet<ChainId> touched)
    {
        node.Children = new Node?[16];
        node.Count = 0;
        var leaves = node.Leaves.ToList();
        node.Leaves.Clear();
        foreach (var (key, rules) in leaves)
        {
            var child = Child(node, key, touched);
            var before = child.Count;
            Put(child, key, rules, touched);
            node.Count += child.Count - before;
        }
    }

    private void Merge(Node node, ISet<ChainId> touched)
    {
        foreach (var child in node.Children!.OfType<Node>())
        {
            if (child.Children is not null)
            {
                Merge(child, touched);
            }

            foreach (var (key, rules) in child.Leaves)
            {
                node.Leaves[key] = rules;
            }

            Forget(child, touched);
        }

        node.Children = null;
        touched.Add(new(table, node.Name));
    }

    private void Forget(Node node, ISet<ChainId> touched)
    {
        _nodes.Remove(node.Name);
        touched.Add(new(table, node.Name));
    }

    private sealed class Node(string name, int depth)
    {
        public string Name => name;

        public int Depth => depth;

        public bool IsIPv4 { get; init; }

        public int Count { get; set; }

        public Node?[]? Children { get; set; }

        public SortedDictionary<FrontendKey, ImmutableArray<Rule>> Leaves { get; } = new(ByAddress.Instance);
    }

    /// <summary>By address; what is left of an address comes last.</summary>
    internal sealed class ByAddress : IComparer<FrontendKey>
    {
        public static ByAddress Instance { get; } = new();

        public int Compare(FrontendKey x, FrontendKey y)
        {
            var byAddress = x.Address.CompareTo(y.Address);
            return byAddress != 0 ? byAddress : (x.Port == 0, x.Port, x.Protocol).CompareTo((y.Port == 0, y.Port, y.Protocol));
        }
    }
}
