using System.Net;
using System.Net.Sockets;

namespace ProxyFramework.Backends.Userspace;

/// <summary>
/// One listening socket. Which service port and which frontend it serves can change without closing it; the backend's apply is the
/// only writer.
/// </summary>
internal abstract class FrontendListener
{
    private const int SOL_IP = 0;
    private const int SOL_IPV6 = 41;
    private const int IP_FREEBIND = 15;
    private const int IPV6_FREEBIND = 78;

    private volatile State _state;
    private SocketFilter? _filter;

    private protected FrontendListener(ListenKey key, UserspaceRun run, Socket socket, State state)
    {
        Key = key;
        Run = run;
        Socket = socket;
        _state = state;
        _filter = state.Plan.Filter;
    }

    public ListenKey Key { get; }

    public ProxiedServicePort Owner => _state.Owner;

    protected UserspaceRun Run { get; }

    protected Socket Socket { get; }

    protected State Current => _state;

    /// <summary>Binds a socket and starts serving.</summary>
    /// <param name="key">What to bind to.</param>
    /// <param name="run">What listeners share.</param>
    /// <param name="state">What to serve.</param>
    /// <param name="freeBind">Whether the address is local by a route only, which IPv6 does not take for local when binding.</param>
    /// <exception cref="SocketException">The system refuses.</exception>
    public static FrontendListener Open(ListenKey key, UserspaceRun run, State state, bool freeBind)
    {
        var isTcp = key.Protocol == TransportProtocol.Tcp;
        var family = key.Address.IsIPv4 ? AddressFamily.InterNetwork : AddressFamily.InterNetworkV6;
        var socket = new Socket(family, isTcp ? SocketType.Stream : SocketType.Dgram, isTcp ? ProtocolType.Tcp : ProtocolType.Udp);
        try
        {
            if (family == AddressFamily.InterNetworkV6)
            {
                socket.DualMode = false;
            }

            if (!isTcp)
            {
                // Before the first datagram: the kernel notes the interface only of those that arrive after this is set.
                socket.SetSocketOption(
                    key.Address.IsIPv4 ? SocketOptionLevel.IP : SocketOptionLevel.IPv6, SocketOptionName.PacketInformation, true);
            }

            if (freeBind)
            {
                ReadOnlySpan<byte> on = [1, 0, 0, 0];
                socket.SetRawSocketOption(
                    key.Address.IsIPv4 ? SOL_IP : SOL_IPV6, key.Address.IsIPv4 ? IP_FREEBIND : IPV6_FREEBIND, BitConverter.IsLittleEndian ? on : [0, 0, 0, 1]);
            }

            // Before binding: nothing that is to be dropped may slip through.
            state.Plan.Filter?.Attach(socket);
            FrontendListener listener;
            if (isTcp)
            {
                TcpRelay.Tune(socket); // accepted sockets inherit it
                socket.Bind(new IPEndPoint(key.Address.ToIPAddress(), key.Port));
                socket.Listen(int.MaxValue); // as long as net.core.somaxconn allows
                listener = new TcpFrontend(key, run, socket, state);
            }
            else
            {
                socket.Bind(new IPEndPoint(key.Address.ToIPAddress(), key.Port));
                listener = new UdpFrontend(key, run, socket, state);
            }

            listener.Start();
            return listener;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Serves another state from now on. Connections that are open go on.</summary>
    public void Update(State state)
    {
        if (!Equals(_filter, state.Plan.Filter))
        {
            if (state.Plan.Filter is null)
            {
                SocketFilter.Detach(Socket);
            }
            else
            {
                state.Plan.Filter.Attach(Socket);
            }

            _filter = state.Plan.Filter;
        }

        _state = state;
        Updated();
    }

    /// <summary>Adapts the filter to other ways of telling where packets come from.</summary>
    public void Replan(NodeOrigins origins)
    {
        if (Owner.Routing is { } routing)
        {
            Update(_state with { Plan = ListenPlan.For(routing.Service, _state.Frontend, Key.Address, origins) });
        }
    }

    /// <summary>Stops listening.</summary>
    public abstract void Close();

    /// <summary>Takes back that it may be reached at an address that was made local for it.</summary>
    public void Exclude() => Run.Addresses.Exclude(Key);

    /// <summary>Begins to take what comes.</summary>
    protected abstract void Start();

    /// <summary>Called after a change of what is served.</summary>
    protected virtual void Updated()
    {
    }

    /// <summary>What a listener serves. Immutable.</summary>
    /// <param name="Owner">The service port.</param>
    /// <param name="Frontend">Its frontend at this address.</param>
    /// <param name="Plan">What the kernel does for it.</param>
    internal sealed record State(ProxiedServicePort Owner, Frontend Frontend, ListenPlan Plan)
    {
        /// <summary>The policy for a connection.</summary>
        public TrafficPolicy PolicyFor(NodeOrigins origins, InetAddress source, int interfaceIndex, InetAddress destination) =>
            destination.IsLoopback ? Frontend.Node.Policy
            // A service address is local to the node, so the node's own connections to it have it as their source too.
            : Plan.DependsOnOrigin && source == destination ? Frontend.Node.Policy
            : Plan.DependsOnOrigin ? Frontend.RouteFrom(origins.Of(source, interfaceIndex)).Policy
            : Frontend.Outside.Policy;
    }
}
