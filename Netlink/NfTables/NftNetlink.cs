using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using static ProxyFramework.Netlink.NetlinkHeader;
using static ProxyFramework.Netlink.NfTables.NfTablesHeader;

namespace ProxyFramework.Netlink.NfTables;

/// <summary>The tables, chains, rules, sets and maps of a network namespace (nft(8)). Not thread-safe: one caller at a time.</summary>
public sealed class NftNetlink : IDisposable
{
    private readonly NetlinkConnection _connection;
    private readonly NetlinkWriter _writer = new();

    private NftNetlink(NetlinkConnection connection) => _connection = connection;

    /// <summary>The netlink port of the socket; notifications of one's own changes carry it.</summary>
    public uint PortId => _connection.PortId;

    /// <summary>Opens a connection in the network namespace of the calling thread.</summary>
    /// <exception cref="NetlinkException">A system call failed.</exception>
    public static NftNetlink Open() => new(NetlinkConnection.Open(NetlinkProtocol.Netfilter));

    /// <summary>Carries out a batch: all of it, or nothing.</summary>
    /// <exception cref="NetlinkException">The first change that the kernel refused; or the socket failed.</exception>
    public void Commit(NftBatch batch)
    {
        var errors = TryCommit(batch);
        if (!errors.IsEmpty)
        {
            throw new NetlinkException(errors[0].Kernel);
        }
    }

    /// <summary>Carries out a batch: all of it, or nothing.</summary>
    /// <returns>The changes that the kernel refused, each with its reason. Where it is empty, the batch is in force.</returns>
    /// <exception cref="NetlinkException">The socket failed.</exception>
    public ImmutableArray<NftError> TryCommit(NftBatch batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        if (batch.IsEmpty)
        {
            return [];
        }

        var last = batch.End();
        var errors = _connection.TryExecuteTransaction(batch.Writer, last);
        return errors.IsEmpty ? [] : [.. errors.Select(batch.Locate)];
    }

    /// <summary>The number that grows with each batch that anyone commits in this network namespace, and who committed last.</summary>
    /// <exception cref="NetlinkException">The kernel refused.</exception>
    public NftGeneration GetGeneration()
    {
        Begin(NFT_MSG_GETGEN, NftFamily.Unspecified, 0);
        _writer.EndMessage();
        return _connection.Query<NftGeneration>(_writer, NftGeneration.TryParse)[0];
    }

    /// <summary>All tables, or those of a family.</summary>
    /// <exception cref="NetlinkException">The kernel refused.</exception>
    public IReadOnlyList<NftTable> GetTables(NftFamily family = NftFamily.Unspecified)
    {
        Begin(NFT_MSG_GETTABLE, family, NLM_F_DUMP);
        _writer.EndMessage();
        return _connection.Dump<NftTable>(_writer, NftTable.TryParse);
    }

    /// <summary>The table of this family and name, or null.</summary>
    /// <exception cref="NetlinkException">The kernel refused.</exception>
    public NftTable? FindTable(NftFamily family, string name)
    {
        Begin(NFT_MSG_GETTABLE, family, 0);
        _writer.String(NFTA_TABLE_NAME, name);
        _writer.EndMessage();
        try
        {
            return _connection.Query<NftTable>(_writer, NftTable.TryParse).FirstOrDefault();
        }
        catch (NetlinkException missing) when (missing.ErrorNumber == Errno.ENOENT)
        {
            return null;
        }
    }

    /// <summary>The chains of a table.</summary>
    /// <exception cref="NetlinkException">The kernel refused.</exception>
    public IReadOnlyList<NftChain> GetChains(NftTable table)
    {
        ArgumentNullException.ThrowIfNull(table);
        Begin(NFT_MSG_GETCHAIN, table.Family, NLM_F_DUMP);
        _writer.String(NFTA_CHAIN_TABLE, table.Name);
        _writer.EndMessage();

        // The kernel does not filter chains by table.
        return _connection.Dump<NftChain>(_writer, NftChain.TryParse).FindAll(chain => chain.Table.Name == table.Name);
    }

    /// <summary>The rules of a chain, in their order.</summary>
    /// <exception cref="NetlinkException">The kernel refused.</exception>
    public IReadOnlyList<NftRule> GetRules(NftChain chain)
    {
        ArgumentNullException.ThrowIfNull(chain);
        Begin(NFT_MSG_GETRULE, chain.Table.Family, NLM_F_DUMP);
        _writer.String(NFTA_RULE_TABLE, chain.Table.Name);
        _writer.String(NFTA_RULE_CHAIN, chain.Name);
        _writer.EndMessage();
        return _connection.Dump<NftRule>(_writer, NftRule.TryParse);
    }

    /// <summary>The sets and maps of a table, anonymous ones included.</summary>
    /// <exception cref="NetlinkException">The kernel refused; <c>ENOENT</c>: there is no such table.</exception>
    public IReadOnlyList<NftSet> GetSets(NftTable table)
    {
        ArgumentNullException.ThrowIfNull(table);
        Begin(NFT_MSG_GETSET, table.Family, NLM_F_DUMP);
        _writer.String(NFTA_SET_TABLE, table.Name);
        _writer.EndMessage();
        return _connection.Dump<NftSet>(_writer, NftSet.TryParse);
    }

    /// <summary>The elements of a set or map.</summary>
    /// <exception cref="NetlinkException">The kernel refused; <c>ENOENT</c>: there is no such set.</exception>
    public IReadOnlyList<NftElement> GetElements(NftSet set)
    {
        var list = new ElementList();
        ReadElements(set, list);
        return list.Elements;
    }

    /// <summary>
    /// Reads the elements of a set or map without an object for each. The kernel begins at the front of the set for each 32 KiB
    /// that it sends, so the time grows with the square of the number: some 10 s for 250,000. <see cref="FindElements"/> does not.
    /// </summary>
    /// <exception cref="NetlinkException">The kernel refused; <c>ENOENT</c>: there is no such set.</exception>
    public void ReadElements(NftSet set, INftElementTarget target)
    {
        ArgumentNullException.ThrowIfNull(set);
        ArgumentNullException.ThrowIfNull(target);
        Begin(NFT_MSG_GETSETELEM, set.Table.Family, NLM_F_DUMP);
        _writer.String(NFTA_SET_ELEM_LIST_TABLE, set.Table.Name);
        _writer.String(NFTA_SET_ELEM_LIST_SET, set.Name);
        _writer.EndMessage();
        var complete = true;
        _connection.Dump(
            _writer,
            (NetlinkMessage message, [MaybeNullWhen(false)] out bool item) =>
            {
                complete &= NftElementView.ReadAll(message, target);
                return item = false;
            },
            () =>
            {
                complete = true;
                target.Begin();
            },
            () => complete);
    }

    /// <summary><c>get element</c>: reads those elements of a set or map that have one of these keys.</summary>
    /// <param name="set">The set.</param>
    /// <param name="keys">The keys, one behind the other.</param>
    /// <param name="target">Takes the elements that are there; it is begun once.</param>
    /// <exception cref="NetlinkException">The kernel refused; a key that is not there is no error.</exception>
    public void FindElements(NftSet set, ReadOnlySpan<byte> keys, INftElementTarget target)
    {
        ArgumentNullException.ThrowIfNull(set);
        ArgumentNullException.ThrowIfNull(target);
        target.Begin();
        _writer.Reset();
        for (; !keys.IsEmpty; keys = keys[set.KeyType.Size..])
        {
            _writer.BeginMessage(MessageType(NFT_MSG_GETSETELEM), 0);
            _writer.Fixed(new nfgenmsg { nfgen_family = (byte)set.Table.Family });
            _writer.String(NFTA_SET_ELEM_LIST_TABLE, set.Table.Name);
            _writer.String(NFTA_SET_ELEM_LIST_SET, set.Name);
            using (_writer.Nested(NFTA_SET_ELEM_LIST_ELEMENTS))
            using (_writer.Nested(NFTA_LIST_ELEM))
            using (_writer.Nested(NFTA_SET_ELEM_KEY))
            {
                _writer.Attribute(NFTA_DATA_VALUE, keys[..set.KeyType.Size]);
            }

            _writer.EndMessage();
        }

        var errors = _connection.TryExecute(_writer, message => NftElementView.ReadAll(message, target));
        if (errors.FirstOrDefault(static error => error.Errno != Errno.ENOENT) is { } error)
        {
            throw new NetlinkException(error);
        }
    }

    /// <summary>Closes the socket.</summary>
    public void Dispose()
    {
        _connection.Dispose();
        _writer.Dispose();
    }

    private void Begin(ushort message, NftFamily family, ushort flags)
    {
        _writer.Reset();
        _writer.BeginMessage(MessageType(message), flags);
        _writer.Fixed(new nfgenmsg { nfgen_family = (byte)family });
    }

    private sealed class ElementList : INftElementTarget, IEqualityComparer<NftElement>
    {
        private readonly HashSet<NftElement> _seen;

        public ElementList() => _seen = new HashSet<NftElement>(this);

        public List<NftElement> Elements { get; } = [];

        public void Begin()
        {
            Elements.Clear();
            _seen.Clear();
        }

        public bool Add(NftElementView element)
        {
            var copy = NftElement.Copy(element);
            Elements.Add(copy);
            return _seen.Add(copy);
        }

        public bool Equals(NftElement? x, NftElement? y) => x!.IsIntervalEnd == y!.IsIntervalEnd
            && x.Key.AsSpan().SequenceEqual(y.Key.AsSpan())
            && x.KeyEnd.AsSpan().SequenceEqual(y.KeyEnd.AsSpan());

        public int GetHashCode(NftElement element)
        {
            var hash = default(HashCode);
            hash.AddBytes(element.Key.AsSpan());
            return hash.ToHashCode();
        }
    }
}
