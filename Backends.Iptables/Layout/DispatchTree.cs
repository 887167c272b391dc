using System.Collections.Immutable;
using System.Globalization;
using ProxyFramework.KernelBackends;

namespace ProxyFramework.Backends.Iptables.Layout;

/// <summary>
/// Finds the rules of a frontend in a few dozen steps, however many there are: a chain with too many is cut in two by the next bit of the
/// keys, and one chain leads to all that differ in the same four bits. Its shape depends on the frontends only, not on the order in which they came.
/// </summary>
/// <param name="table">The table.</param>
/// <param name="root">The name of the chain that it begins with.</param>
/// <param name="bits">Which bits, and how iptables matches them.</param>
internal sealed class DispatchTree(RuleTable table, string root, DispatchBits bits)
{
    /// <summary>The most frontends of a chain that is not cut.</summary>
    public const int MaxLeaf = 48;

    private const int BitsAChain = 4;

    private readonly Node _root = new(root, 0, 0);
    private readonly Dictionary<string, Node> _chains = [];

    /// <summary>Whether there are more frontends than one chain should have.</summary>
    public bool IsLarge => _root.Count > MaxLeaf;

    /// <summary>The names of all chains.</summary>
    public IEnumerable<string> Names => [root, .. _chains.Keys];

    /// <summary>Sets or takes away the rules of a frontend.</summary>
    /// <param name="key">The frontend; port 0 is what is left of an address.</param>
    /// <param name="rules">Its rules; none to take it away.</param>
    /// <param name="touched">Takes the chains that change.</param>
    public void Put(FrontendKey key, ImmutableArray<Rule> rules, ISet<ChainId> touched) => Put(_root, _root, key, rules, touched);

    /// <summary>The rules of a chain; null where there is no such chain.</summary>
    public IReadOnlyList<Rule>? Rules(string name)
    {
        var node = name == root ? _root : _chains.GetValueOrDefault(name);
        if (node is { Children: null })
        {
            return [.. node.Leaves.OrderBy(static leaf => leaf.Key, FrontendOrder.Instance).SelectMany(static leaf => leaf.Rules)];
        }

        var rules = new List<Rule>();
        AddChildren(node, rules);
        return node is null ? null : rules;
    }

    private void AddChildren(Node? node, List<Rule> rules)
    {
        foreach (var child in node?.Children ?? [])
        {
            if (child is { HasChain: true })
            {
                rules.Add(new(bits.Match(child.Value, child.Depth) + $"-g {child.Name}"));
            }
            else
            {
                AddChildren(child, rules);
            }
        }
    }

    private void Put(Node node, Node chain, FrontendKey key, ImmutableArray<Rule> rules, ISet<ChainId> touched)
    {
        if (node.Children is null)
        {
            Touch(node, touched);
            node.Set(key, rules);
            node.Count = node.Leaves.Count;
            if (node.Count > MaxLeaf && node.Depth < bits.Count)
            {
                Split(node, chain, touched);
            }

            return;
        }

        chain = node.HasChain ? node : chain;
        ref var child = ref Child(node, chain, key, touched);
        var before = child!.Count;
        Put(child, chain, key, rules, touched);
        node.Count += child.Count - before;
        if (child.Count == 0)
        {
            Forget(child, touched);
            Touch(chain, touched);
            child = null;
        }

        if (node.Count <= MaxLeaf)
        {
            Merge(node, chain, touched);
        }
    }

    private ref Node? Child(Node node, Node chain, FrontendKey key, ISet<ChainId> touched)
    {
        var bit = bits.Bit(key, node.Depth);
        ref var child = ref node.Children![bit];
        if (child is null)
        {
            child = new(Name(node, bit), node.Depth + 1, node.Value | ((uint)bit << node.Depth));
            _chains[child.Name] = child;
            Touch(child, touched);
            Touch(chain, touched);
        }

        return ref child;
    }

    /// <summary>A hexadecimal digit for each four bits, and after a line the bits themselves for fewer.</summary>
    private string Name(Node parent, int bit)
    {
        var (depth, value) = (parent.Depth + 1, parent.Value | ((uint)bit << parent.Depth));
        var name = root + "-";
        for (var digit = 0; digit < depth / BitsAChain; digit++)
        {
            name += ((value >> (digit * BitsAChain)) & 15).ToString("x", CultureInfo.InvariantCulture);
        }

        for (var i = depth - (depth % BitsAChain); i < depth; i++)
        {
            name += (i % BitsAChain == 0 ? "_" : "") + ((value >> i) & 1).ToString(CultureInfo.InvariantCulture);
        }

        return name;
    }

    private void Split(Node node, Node chain, ISet<ChainId> touched)
    {
        node.Children = new Node?[2];
        if (!node.HasChain)
        {
            Forget(node, touched);
            Touch(chain, touched);
        }

        chain = node.HasChain ? node : chain;
        foreach (var leaf in node.Leaves)
        {
            var child = Child(node, chain, leaf.Key, touched)!;
            child.Leaves.Add(leaf);
            child.Count++;
        }

        node.Leaves.Clear();
        foreach (var child in node.Children)
        {
            if (child is { Count: > MaxLeaf } && child.Depth < bits.Count)
            {
                Split(child, chain, touched);
            }
        }
    }

    private void Merge(Node node, Node chain, ISet<ChainId> touched)
    {
        foreach (var child in node.Children!.OfType<Node>())
        {
            if (child.Children is not null)
            {
                Merge(child, chain, touched);
            }

            node.Leaves.AddRange(child.Leaves);
            Forget(child, touched);
        }

        node.Children = null;
        if (node != _root)
        {
            _chains[node.Name] = node;
        }

        Touch(node, touched);
        Touch(chain, touched);
    }

    private void Forget(Node node, ISet<ChainId> touched)
    {
        _chains.Remove(node.Name);
        Touch(node, touched);
    }

    private void Touch(Node node, ISet<ChainId> touched) => touched.Add(new(table, node.Name));

    /// <param name="name">Its chain's name, where it has one.</param>
    /// <param name="depth">How many bits all its keys share.</param>
    /// <param name="value">Those bits, the first one lowest.</param>
    private sealed class Node(string name, int depth, uint value)
    {
        public string Name => name;

        public int Depth => depth;

        public uint Value => value;

        public int Count { get; set; }

        public Node?[]? Children { get; set; }

        /// <summary>In no order; there are few.</summary>
        public List<(FrontendKey Key, ImmutableArray<Rule> Rules)> Leaves { get; } = [];

        public bool HasChain => Children is null || depth % BitsAChain == 0;

        public void Set(FrontendKey key, ImmutableArray<Rule> rules)
        {
            var index = Leaves.FindIndex(leaf => leaf.Key == key);
            if (index >= 0)
            {
                Leaves.RemoveAt(index);
            }

            if (!rules.IsEmpty)
            {
                Leaves.Add((key, rules));
            }
        }
    }
}

/// <summary>By address; what is left of an address comes last.</summary>
internal sealed class FrontendOrder : IComparer<FrontendKey>
{
    public static FrontendOrder Instance { get; } = new();

    public int Compare(FrontendKey x, FrontendKey y)
    {
        var byAddress = x.Address.CompareTo(y.Address);
        return byAddress != 0 ? byAddress : (x.Port == 0, x.Port, x.Protocol).CompareTo((y.Port == 0, y.Port, y.Protocol));
    }
}
