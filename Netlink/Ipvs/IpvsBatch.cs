using static ProxyFramework.Netlink.Generic.GenericHeader;
using static ProxyFramework.Netlink.Ipvs.IpvsHeader;

namespace ProxyFramework.Netlink.Ipvs;

/// <summary>
/// Changes to virtual and real servers, for <see cref="IpvsNetlink.TryExecute"/>: carried out in their order, each by itself, so one
/// that is refused stops none of the others. Keep one and <see cref="Reset"/> it: its buffer stays, and a change then allocates
/// nothing. Not thread-safe.
/// </summary>
public sealed class IpvsBatch : IDisposable
{
    private readonly NetlinkWriter _writer = new(64 << 10);
    private readonly ushort _family;

    internal IpvsBatch(ushort family) => _family = family;

    /// <summary>The number of changes so far; errors name a change by its position, from 0.</summary>
    public int Count => _writer.MessageCount;

    internal NetlinkWriter Writer => _writer;

    /// <summary>Forgets everything that was added.</summary>
    public void Reset() => _writer.Reset();

    /// <summary>
    /// Adds a virtual server. Refused with <c>EEXIST</c> where it is there, with <c>ENOENT</c> where there is no such scheduler or
    /// persistence engine: the kernel loads the module <c>ip_vs_NAME</c> or <c>ip_vs_pe_NAME</c> where it can.
    /// </summary>
    public void AddService(IpvsService service) => Write(IPVS_CMD_NEW_SERVICE, service);

    /// <summary>
    /// Changes a virtual server, its scheduler too; its real servers and connections stay. Refused with <c>ESRCH</c> where it is not
    /// there, and otherwise as <see cref="AddService"/> is.
    /// </summary>
    public void SetService(IpvsService service) => Write(IPVS_CMD_SET_SERVICE, service);

    /// <summary>Removes a virtual server and its real servers. Refused with <c>ESRCH</c> where it is not there.</summary>
    public void DeleteService(IpvsServiceKey service) => Write(IPVS_CMD_DEL_SERVICE, service, null, isKey: true);

    /// <summary>
    /// Adds a real server. Refused with <c>EEXIST</c> where it is there, with <c>ESRCH</c> where the virtual server is not, with
    /// <c>ERANGE</c> where the weight is negative or the lower threshold above the upper one, with <c>EINVAL</c> where its address is
    /// of the other family and it is not tunnelled to, and where its address is not one of a single machine.
    /// </summary>
    public void AddDestination(IpvsServiceKey service, IpvsDestination destination) => Write(IPVS_CMD_NEW_DEST, service, destination, isKey: false);

    /// <summary>
    /// Changes a real server; its connections stay. Refused with <c>ENOENT</c> where it is not there, with <c>ESRCH</c> where the
    /// virtual server is not, and otherwise as <see cref="AddDestination"/> is.
    /// </summary>
    public void SetDestination(IpvsServiceKey service, IpvsDestination destination) => Write(IPVS_CMD_SET_DEST, service, destination, isKey: false);

    /// <summary>
    /// Removes a real server, named by address and port; the rest of <paramref name="destination"/> does not matter. What its
    /// connections meet is for <c>expire_nodest_conn</c> to say. Refused with <c>ENOENT</c> where it is not there, with <c>ESRCH</c>
    /// where the virtual server is not.
    /// </summary>
    public void DeleteDestination(IpvsServiceKey service, IpvsDestination destination) => Write(IPVS_CMD_DEL_DEST, service, destination, isKey: true);

    /// <summary>Zeroes the statistics of a virtual server and its real servers. Refused with <c>ESRCH</c> where it is not there.</summary>
    public void Zero(IpvsServiceKey service) => Write(IPVS_CMD_ZERO, service, null, isKey: true);

    /// <summary>Gives the buffer back.</summary>
    public void Dispose() => _writer.Dispose();

    private void Write(byte command, IpvsService service)
    {
        ArgumentNullException.ThrowIfNull(service);
        Begin(command);
        using (_writer.Nested(IPVS_CMD_ATTR_SERVICE))
        {
            service.Write(_writer);
        }

        _writer.EndMessage();
    }

    private void Write(byte command, IpvsServiceKey service, IpvsDestination? destination, bool isKey)
    {
        Begin(command);
        using (_writer.Nested(IPVS_CMD_ATTR_SERVICE))
        {
            service.Write(_writer);
        }

        if (destination is not null)
        {
            using (_writer.Nested(IPVS_CMD_ATTR_DEST))
            {
                if (isKey)
                {
                    destination.WriteKey(_writer);
                }
                else
                {
                    destination.Write(_writer);
                }
            }
        }

        _writer.EndMessage();
    }

    private void Begin(byte command)
    {
        _writer.BeginMessage(_family, 0);
        _writer.Fixed(new genlmsghdr { cmd = command, version = IPVS_GENL_VERSION });
    }
}
