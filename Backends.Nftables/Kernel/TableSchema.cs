using System.Globalization;
using ProxyFramework.Backends.Nftables.Layout;
using ProxyFramework.Netlink.NfTables;

namespace ProxyFramework.Backends.Nftables.Kernel;

/// <summary>
/// The names and types that the layout has in the kernel, for one family. The version of the layout is a part of the table's name:
/// a table of another version is recognised by it, and replaced by the current one in one transaction.
/// </summary>
internal sealed class TableSchema
{
    private const string Prefix = "svcproxy-v";
    private const int Version = 1;

    private readonly Dictionary<SetId, (NftSet Set, int Order)> _sets = [];
    private readonly NftType _address;
    private readonly NftType _frontend;
    private readonly NftType _nodePort = NftType.Concatenation(NftType.InetProtocol, NftType.InetService);
    private readonly uint _affinityClients;

    public TableSchema(IPFamily family, uint affinityClients)
    {
        Family = family;
        _affinityClients = affinityClients;
        _address = family == IPFamily.IPv4 ? NftType.IPv4Address : NftType.IPv6Address;
        _frontend = NftType.Concatenation(_address, NftType.InetProtocol, NftType.InetService);
        Table = new NftTable(family == IPFamily.IPv4 ? NftFamily.IPv4 : NftFamily.IPv6, Prefix + Version.ToString(CultureInfo.InvariantCulture))
        {
            Comment = "service proxy: programmed by svcproxy, changes by others are undone",
        };
    }

    public IPFamily Family { get; }

    public NftTable Table { get; }

    /// <summary>Whether a table is of this project, of whatever version of the layout.</summary>
    public static bool IsOurs(NftTable table) => table.Family is NftFamily.IPv4 or NftFamily.IPv6 && IsOurs(table.Name);

    /// <inheritdoc cref="IsOurs(NftTable)"/>
    public static bool IsOurs(string name) => name.StartsWith(Prefix, StringComparison.Ordinal)
        && int.TryParse(name.AsSpan(Prefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out _);

    /// <summary>The set of an id; always the same object.</summary>
    public NftSet Set(SetId id) => Find(id).Set;

    /// <summary>A number for each set, by which elements are ordered so that those of one set share a message.</summary>
    public int Order(SetId id) => Find(id).Order;

    /// <summary>The chain of this name, with its place where it is a base chain.</summary>
    public NftChain Chain(Chain chain) => new(Table, chain.Name) { Base = chain.Base };

    /// <summary>One more than the greatest <see cref="Order"/> so far.</summary>
    public int Orders => _sets.Count;

    private (NftSet Set, int Order) Find(SetId id)
    {
        if (!_sets.TryGetValue(id, out var set))
        {
            set = (Define(id), _sets.Count);
            _sets.Add(id, set);
        }

        return set;
    }

    private NftSet Define(SetId id)
    {
        var frontend = id.IsNodePort ? _nodePort : _frontend;
        var endpoint = NftType.Concatenation(_address, NftType.InetService);
        var name = id.Name;
        return id.Kind switch
        {
            SetKind.Endpoints => new(Table, name, Join(frontend, NftType.ClassId)) { DataType = endpoint },
            SetKind.AffinitySlots => new(Table, name, Join(frontend, NftType.ClassId)) { DataType = NftType.ClassId },
            SetKind.AffinityEndpoints => new(Table, name, Join(frontend, NftType.ClassId)) { DataType = endpoint },
            SetKind.Affinity => new(Table, name, Join(_address, frontend))
            {
                DataType = NftType.ClassId,
                Flags = NftSetFlags.Dynamic | NftSetFlags.Timeout,
                Size = _affinityClients,
            },
            SetKind.Allowed => new(Table, name, Join(frontend, _address)) { Flags = NftSetFlags.Interval },
            SetKind.PodRanges => new(Table, name, _address) { Flags = NftSetFlags.Interval },
            SetKind.ClusterIPs or SetKind.ExternalIPs or SetKind.EndpointAddresses or SetKind.NodePortAddresses => new(Table, name, _address),
            SetKind.Hairpin => new(Table, name, Join(_address, _address)),
            _ => new(Table, name, frontend),
        };
    }

    private static NftType Join(NftType left, NftType right)
    {
        Span<NftType> fields = [.. left.Fields.Length == 0 ? [left] : left.Fields, .. right.Fields.Length == 0 ? [right] : right.Fields];
        return NftType.Concatenation(fields);
    }
}
