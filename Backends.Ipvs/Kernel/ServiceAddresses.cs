using System.Collections.Immutable;
using ProxyFramework.Netlink;
using ProxyFramework.Netlink.Route;

namespace ProxyFramework.Backends.Ipvs.Kernel;

/// <summary>
/// Makes service addresses the node's own, by routes of type <c>local</c> on a device of ours
/// (<c>ip route show table local dev kube-ipvs0</c>): IPVS sees only packets that the node takes for its own.
/// </summary>
internal sealed class ServiceAddresses : IDisposable
{
    /// <summary>Whose routes they are; neither in linux/rtnetlink.h (<c>RTPROT_*</c>) nor in iproute2's <c>rt_protos</c>, and not userspace mode's.</summary>
    public const byte RouteProtocol = 79;

    private const string DeviceKind = "dummy";
    private const int LoopbackInterface = 1;

    private readonly RtNetlink _netlink = RtNetlink.Open();
    private readonly string _device;
    private int _interface = LoopbackInterface;

    /// <summary>How many want each address.</summary>
    private readonly Dictionary<InetAddress, int> _uses = [];
    private readonly HashSet<InetAddress> _touched = [];
    private HashSet<InetAddress> _present = [];

    /// <summary>Routes on a device that need not be there.</summary>
    /// <param name="device">Its name.</param>
    public ServiceAddresses(string device) => _device = device;

    /// <summary>Those that there are.</summary>
    public IReadOnlySet<InetAddress> Present => _present;

    /// <summary>Makes the device, or takes the one that there is.</summary>
    /// <returns>Null, or why the routes are on the loopback device instead.</returns>
    /// <exception cref="BackendException">The name is that of another kind of device.</exception>
    /// <exception cref="NetlinkException">The kernel refused.</exception>
    public string? TakeDevice()
    {
        try
        {
            var link = _netlink.FindLink(_device);
            if (link is null)
            {
                _netlink.AddLink(_device, DeviceKind);
                link = _netlink.FindLink(_device)!;
            }
            else if (link.Kind != DeviceKind)
            {
                throw new BackendException($"the device {_device} is no {DeviceKind} but a {link.Kind ?? "physical one"}; choose another name with ipvs:device");
            }
            else if (!link.IsUp)
            {
                _netlink.SetLinkUp(link.Index, true);
            }

            _interface = link.Index;
            return null;
        }
        catch (NetlinkException error) when (error.ErrorNumber == Errno.EOPNOTSUPP)
        {
            return $"no device {_device}, as the kernel has no module '{DeviceKind}': the routes of service addresses are on the loopback device";
        }
    }

    /// <summary>Removes the device, where it is ours: nobody gave it an address.</summary>
    /// <exception cref="NetlinkException">The kernel refused.</exception>
    public void DeleteDevice()
    {
        if (_netlink.FindLink(_device) is { Kind: DeviceKind } link && _netlink.GetAddresses(link.Index).All(static address => address.Address.IsLinkLocal))
        {
            _netlink.DeleteLink(link.Index);
        }
    }

    /// <summary>Reads those that there are from the kernel; <see cref="Put"/> then compares them all.</summary>
    /// <exception cref="NetlinkException">The kernel refused.</exception>
    public void Read()
    {
        _present =
        [
            .. Enum.GetValues<IPFamily>()
                .SelectMany(family => _netlink.GetRoutes(new RouteFilter(family) { Table = IpRoute.LocalTable, Protocol = RouteProtocol, Type = RouteType.Local }))
                .Where(static route => route.Destination.Length == route.Destination.Address.BitLength)
                .Select(static route => route.Destination.Address),
        ];
        _touched.UnionWith(_present);
        _touched.UnionWith(_uses.Keys);
    }

    /// <summary>Forgets who wants what.</summary>
    public void Forget() => _uses.Clear();

    /// <summary>Addresses are wanted, each once more.</summary>
    public void Take(IEnumerable<InetAddress> addresses)
    {
        foreach (var address in addresses)
        {
            _uses[address] = _uses.GetValueOrDefault(address) + 1;
            _touched.Add(address);
        }
    }

    /// <summary>Addresses are wanted once less.</summary>
    public void Release(IEnumerable<InetAddress> addresses)
    {
        foreach (var address in addresses)
        {
            if (--_uses[address] == 0)
            {
                _uses.Remove(address);
            }

            _touched.Add(address);
        }
    }

    /// <summary>Adds what is wanted and not there, and takes away what nobody wants; addresses that the node has anyway stay the node's.</summary>
    /// <returns>Those that the kernel refused, and why; they are tried again when they are taken again.</returns>
    /// <exception cref="NetlinkException">The socket failed.</exception>
    public Dictionary<InetAddress, string> Put()
    {
        InetAddress[] missing = [.. _touched.Where(address => _uses.ContainsKey(address) && !_present.Contains(address))];
        InetAddress[] former = [.. _touched.Where(address => !_uses.ContainsKey(address) && _present.Contains(address))];
        _touched.Clear();
        var refused = Execute(missing, _netlink.AddRoutes, Errno.EEXIST);
        _present.UnionWith(missing.Where(address => !refused.ContainsKey(address)));
        Execute(former, _netlink.DeleteRoutes, Errno.ESRCH);
        _present.ExceptWith(former);
        return refused;
    }

    public void Dispose() => _netlink.Dispose();

    private Dictionary<InetAddress, string> Execute(
        InetAddress[] addresses, Func<IEnumerable<IpRoute>, ImmutableArray<NetlinkError>> send, int harmless) => addresses.Length == 0
        ? []
        : send(addresses.Select(Route)).Where(error => error.Errno != harmless)
            .ToDictionary(error => addresses[error.MessageIndex], error => $"the address {addresses[error.MessageIndex]} cannot be made local: {error}");

    // A route is deleted wherever it is: of an earlier run it may be on another device.
    private IpRoute Route(InetAddress address) => new(InetPrefix.Single(address))
    {
        Table = IpRoute.LocalTable,
        Protocol = RouteProtocol,
        Type = RouteType.Local,
        Scope = RouteScope.Host,
        Interface = _present.Contains(address) ? 0 : _interface,
    };
}
