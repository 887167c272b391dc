using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using ProxyFramework.Netlink.NfTables;
using ProxyFramework.Netlink.Route;
using static ProxyFramework.Netlink.Conntrack.CtNetlinkHeader;
using static ProxyFramework.Netlink.NetlinkHeader;

namespace ProxyFramework.Netlink.Conntrack;

/// <summary>The tracked connections of a network namespace (conntrack(8)). Not thread-safe: one caller at a time.</summary>
public sealed class CtNetlink : IDisposable
{
    private readonly NetlinkConnection _connection;
    private readonly NetlinkWriter _writer = new();

    private CtNetlink(NetlinkConnection connection) => _connection = connection;

    /// <summary>Opens a connection in the network namespace of the calling thread.</summary>
    /// <exception cref="NetlinkException">A system call failed.</exception>
    public static CtNetlink Open() => new(NetlinkConnection.Open(NetlinkProtocol.Netfilter));

    /// <summary>The connections that a filter lets through.</summary>
    /// <exception cref="NetlinkException">The kernel refused.</exception>
    /// <exception cref="InvalidOperationException">The filter has a port without a protocol.</exception>
    public IReadOnlyList<CtEntry> GetEntries(CtFilter filter)
    {
        ArgumentNullException.ThrowIfNull(filter);
        _writer.Reset();
        _writer.BeginMessage(MessageType(IPCTNL_MSG_CT_GET), NLM_F_DUMP);
        _writer.Fixed(new NfTablesHeader.nfgenmsg { nfgen_family = RtNetlinkHeader.AddressFamily(filter.Family) });
        filter.Write(_writer);
        _writer.EndMessage();

        // Filtered while they are read: a dump can have hundreds of thousands that no one wants.
        return _connection.Dump(
            _writer,
            (NetlinkMessage message, [MaybeNullWhen(false)] out CtEntry entry) =>
                CtEntry.TryParse(message, out entry) && filter.Matches(entry));
    }

    /// <summary>
    /// Deletes connections, each by its addresses and its number: a later one with the same addresses stays, unless the kernel
    /// happens to keep it at the same place in memory.
    /// </summary>
    /// <returns>What was refused, without those that had gone already.</returns>
    /// <exception cref="NetlinkException">The socket failed.</exception>
    public ImmutableArray<NetlinkError> Delete(IEnumerable<CtEntry> entries)
    {
        ArgumentNullException.ThrowIfNull(entries);
        _writer.Reset();
        foreach (var entry in entries)
        {
            WriteDelete(entry.Original, entry.Id, entry.Zone);
        }

        return WithoutMissing(_connection.TryExecute(_writer));
    }

    /// <summary>Deletes the connection with these original addresses.</summary>
    /// <returns>False where there is none.</returns>
    /// <exception cref="NetlinkException">The kernel refused.</exception>
    public bool Delete(CtTuple original, ushort zone = 0)
    {
        _writer.Reset();
        WriteDelete(original, null, zone);
        var errors = _connection.TryExecute(_writer);
        return errors.IsEmpty || (errors[0].Errno == Errno.ENOENT ? false : throw new NetlinkException(errors[0]));
    }

    /// <summary>Closes the socket.</summary>
    public void Dispose()
    {
        _connection.Dispose();
        _writer.Dispose();
    }

    internal static ushort MessageType(ushort message) => (ushort)((NfTablesHeader.NFNL_SUBSYS_CTNETLINK << 8) | message);

    private static ImmutableArray<NetlinkError> WithoutMissing(ImmutableArray<NetlinkError> errors) =>
        errors.RemoveAll(static error => error.Errno == Errno.ENOENT);

    private void WriteDelete(CtTuple original, uint? id, ushort zone)
    {
        // The tuple is never left out: without one, the kernel would delete all connections.
        _writer.BeginMessage(MessageType(IPCTNL_MSG_CT_DELETE), 0);
        _writer.Fixed(new NfTablesHeader.nfgenmsg { nfgen_family = RtNetlinkHeader.AddressFamily(original.Source.Family) });
        original.Write(_writer, CTA_TUPLE_ORIG);
        if (id is { } number)
        {
            _writer.U32BigEndian(CTA_ID, number);
        }

        if (zone != 0)
        {
            _writer.U16BigEndian(CTA_ZONE, zone);
        }

        _writer.EndMessage();
    }
}
