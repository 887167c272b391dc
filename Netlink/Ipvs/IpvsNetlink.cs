using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using ProxyFramework.Netlink.Generic;
using static ProxyFramework.Netlink.Generic.GenericHeader;
using static ProxyFramework.Netlink.Ipvs.IpvsHeader;

namespace ProxyFramework.Netlink.Ipvs;

/// <summary>
/// The virtual servers of a network namespace (ipvsadm(8)). Each namespace has its own, with its own timeouts and statistics.
/// Not thread-safe: one caller at a time.
/// </summary>
public sealed class IpvsNetlink : IDisposable
{
    private readonly NetlinkConnection _connection;
    private readonly NetlinkWriter _writer = new();
    private readonly ushort _family;

    internal IpvsNetlink(NetlinkConnection connection, ushort family)
    {
        _connection = connection;
        _family = family;
    }

    /// <summary>Opens a connection in the network namespace of the calling thread. The kernel loads the module <c>ip_vs</c> where it can.</summary>
    /// <exception cref="NetlinkException"><c>ENOENT</c>: the kernel has no IPVS (<see cref="IpvsSupport"/> says what to do); or a system call failed.</exception>
    public static IpvsNetlink Open() => TryOpen() ?? throw new NetlinkException(new NetlinkError
    {
        MessageIndex = 0,
        Request = nameof(CTRL_CMD_GETFAMILY),
        Errno = Errno.ENOENT,
        KernelText = $"no generic netlink family {IPVS_GENL_NAME}: {IpvsSupport.MissingModule}",
    });

    /// <summary>As <see cref="Open"/>, but null where the kernel has no IPVS.</summary>
    /// <exception cref="NetlinkException">A system call failed.</exception>
    public static IpvsNetlink? TryOpen()
    {
        var connection = NetlinkConnection.Open(NetlinkProtocol.Generic);
        try
        {
            if (GenericFamily.Find(connection, IPVS_GENL_NAME) is { } family)
            {
                return new IpvsNetlink(connection, family.Id);
            }
        }
        catch
        {
            connection.Dispose();
            throw;
        }

        connection.Dispose();
        return null;
    }

    /// <summary>An empty batch for <see cref="TryExecute"/>.</summary>
    public IpvsBatch CreateBatch() => new(_family);

    /// <summary>Carries out the changes of a batch, many a system call, and throws for the first that was refused. The others are carried out all the same.</summary>
    /// <exception cref="NetlinkException">A change was refused, or the socket failed.</exception>
    public void Execute(IpvsBatch batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        _connection.Execute(batch.Writer);
    }

    /// <summary>Carries out the changes of a batch, many a system call.</summary>
    /// <returns>Those that were refused, in order, each with its position in the batch; the others are carried out.</returns>
    /// <exception cref="NetlinkException">The socket failed.</exception>
    public ImmutableArray<NetlinkError> TryExecute(IpvsBatch batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        return _connection.TryExecute(batch.Writer);
    }

    /// <summary>
    /// All virtual servers. The kernel goes by positions in its table between two parts of the answer, and does not say when that
    /// changes: a virtual server that comes twice is noticed and the dump begins again, but one can be missing where another program
    /// deletes some meanwhile.
    /// </summary>
    /// <exception cref="NetlinkException">The kernel refused.</exception>
    public IReadOnlyList<IpvsServiceState> GetServices()
    {
        Begin(IPVS_CMD_GET_SERVICE);
        _writer.EndMessage();
        var seen = new HashSet<IpvsServiceKey>();
        var complete = true;
        return _connection.Dump(
            _writer,
            (NetlinkMessage message, [MaybeNullWhen(false)] out IpvsServiceState state) =>
            {
                var found = IpvsServiceState.TryParse(message, _family, out state);
                complete &= !found || seen.Add(state!.Service.Key);
                return found;
            },
            () =>
            {
                seen.Clear();
                complete = true;
            },
            () => complete);
    }

    /// <summary>The virtual server of this key, or null.</summary>
    /// <exception cref="NetlinkException">The kernel refused.</exception>
    public IpvsServiceState? FindService(IpvsServiceKey service)
    {
        BeginService(IPVS_CMD_GET_SERVICE, service);
        try
        {
            return _connection.Query(
                _writer,
                (NetlinkMessage message, [MaybeNullWhen(false)] out IpvsServiceState state) =>
                    IpvsServiceState.TryParse(message, _family, out state)).FirstOrDefault();
        }
        catch (NetlinkException missing) when (missing.ErrorNumber == Errno.ESRCH)
        {
            return null;
        }
    }

    /// <summary>The real servers of a virtual server; none where there is no such virtual server.</summary>
    /// <exception cref="NetlinkException">The kernel refused.</exception>
    public IReadOnlyList<IpvsDestinationState> GetDestinations(IpvsServiceKey service)
    {
        BeginService(IPVS_CMD_GET_DEST, service);
        return _connection.Dump(
            _writer,
            (NetlinkMessage message, [MaybeNullWhen(false)] out IpvsDestinationState state) =>
                IpvsDestinationState.TryParse(message, _family, service.Family, out state));
    }

    /// <summary>The timeouts of connections.</summary>
    /// <exception cref="NetlinkException">The kernel refused.</exception>
    public IpvsTimeouts GetTimeouts()
    {
        Begin(IPVS_CMD_GET_CONFIG);
        _writer.EndMessage();
        return _connection.Query(
            _writer, (NetlinkMessage message, out IpvsTimeouts timeouts) => IpvsTimeouts.TryParse(message, _family, out timeouts))[0];
    }

    /// <summary>Sets the timeouts of connections; those that are there keep theirs until their next packet.</summary>
    /// <exception cref="NetlinkException"><c>EINVAL</c>: one is negative or longer than the kernel counts (49 days at worst).</exception>
    public void SetTimeouts(IpvsTimeouts timeouts)
    {
        Begin(IPVS_CMD_SET_CONFIG);
        timeouts.Write(_writer);
        _writer.EndMessage();
        _connection.Execute(_writer);
    }

    /// <summary>Version and size of the connection table.</summary>
    /// <exception cref="NetlinkException">The kernel refused.</exception>
    public IpvsInfo GetInfo()
    {
        Begin(IPVS_CMD_GET_INFO);
        _writer.EndMessage();
        return _connection.Query(
            _writer,
            (NetlinkMessage message, [MaybeNullWhen(false)] out IpvsInfo info) => IpvsInfo.TryParse(message, _family, out info))[0];
    }

    /// <summary>Zeroes all statistics.</summary>
    /// <exception cref="NetlinkException">The kernel refused.</exception>
    public void ZeroAll() => ExecuteForAll(IPVS_CMD_ZERO);

    /// <summary>Removes all virtual servers of the network namespace, whoever made them.</summary>
    /// <exception cref="NetlinkException">The kernel refused.</exception>
    public void Flush() => ExecuteForAll(IPVS_CMD_FLUSH);

    /// <summary>Closes the socket.</summary>
    public void Dispose()
    {
        _connection.Dispose();
        _writer.Dispose();
    }

    private void ExecuteForAll(byte command)
    {
        Begin(command);
        _writer.EndMessage();
        _connection.Execute(_writer);
    }

    private void BeginService(byte command, IpvsServiceKey service)
    {
        Begin(command);
        using (_writer.Nested(IPVS_CMD_ATTR_SERVICE))
        {
            service.Write(_writer);
        }

        _writer.EndMessage();
    }

    private void Begin(byte command)
    {
        _writer.Reset();
        _writer.BeginMessage(_family, 0);
        _writer.Fixed(new genlmsghdr { cmd = command, version = IPVS_GENL_VERSION });
    }
}
