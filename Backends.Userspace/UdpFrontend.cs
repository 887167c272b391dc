using System.Buffers;
using System.Net;
using System.Net.Sockets;

namespace ProxyFramework.Backends.Userspace;

/// <summary>
/// Takes datagrams at one address and port. Each client address and port is a flow with a connected socket of its own towards an
/// endpoint; replies leave through the frontend's socket, so from the frontend's address.
/// </summary>
internal sealed class UdpFrontend : FrontendListener
{
    private const int MaxDatagram = 65_535;
    private const int MaxAttempts = 3;

    /// <summary>Where a peek for "is there a datagram?" puts the byte that nobody reads.</summary>
    private static readonly byte[] Peeked = new byte[1];

    private readonly Lock _lock = new();
    private Dictionary<Client, UdpFlow>? _flows;
    private volatile bool _isClosed;

    public UdpFrontend(ListenKey key, UserspaceRun run, Socket socket, State state)
        : base(key, run, socket, state)
    {
        socket.Blocking = false;
    }

    /// <summary>Whether clients are still tied to endpoints here.</summary>
    public bool HasFlows
    {
        get
        {
            lock (_lock)
            {
                return _flows is { Count: > 0 };
            }
        }
    }

    public override void Close()
    {
        _isClosed = true;
        Socket.Dispose();
        EndFlows(_ => true);
    }

    /// <summary>Ends the flows that have been idle for too long.</summary>
    public void EndIdleFlows()
    {
        if (HasFlows)
        {
            EndFlows(flow => flow.IsIdle);
        }
    }

    /// <summary>
    /// Sends a reply to a client, without waiting. Not by <c>SendToAsync</c>: many flows reply through this socket, and its overload for
    /// a <see cref="SocketAddress"/> clears the address of whichever send took its cached arguments next (NullReferenceException).
    /// </summary>
    /// <exception cref="SocketException">The client cannot be reached, or its way is full.</exception>
    public void Reply(ReadOnlySpan<byte> datagram, SocketAddress client) => Socket.SendTo(datagram, SocketFlags.None, client);

    /// <summary>Waits until a socket has a datagram, or an error, without taking it and without holding a buffer.</summary>
    internal static ValueTask<int> WaitForDatagramAsync(Socket socket) => socket.ReceiveAsync(Peeked.AsMemory(), SocketFlags.Peek);

    protected override void Start() => _ = ReceiveAsync();

    /// <summary>A client of an endpoint that is gone is balanced anew with its next datagram.</summary>
    protected override void Updated() => EndFlows(flow => flow.Service != Owner || !flow.Service.IsServing(flow.Target));

    private void EndFlows(Predicate<UdpFlow> condition)
    {
        lock (_lock)
        {
            foreach (var (client, flow) in _flows ?? [])
            {
                if (condition(flow))
                {
                    _flows!.Remove(client);
                    flow.Dispose();
                }
            }
        }
    }

    private async Task ReceiveAsync()
    {
        var any = new IPEndPoint(Key.Address.IsIPv4 ? IPAddress.Any : IPAddress.IPv6Any, 0);
        var from = new SocketAddress(Socket.AddressFamily);
        while (!_isClosed)
        {
            byte[]? buffer = null;
            try
            {
                await WaitForDatagramAsync(Socket).ConfigureAwait(false);
                buffer = ArrayPool<byte>.Shared.Rent(MaxDatagram);
                do
                {
                    await ReceiveOneAsync(buffer, any, from).ConfigureAwait(false);
                }
                while (!_isClosed && Socket.Available > 0);
            }
            catch (Exception error) when (error is ObjectDisposedException || _isClosed)
            {
                return;
            }
            catch (SocketException)
            {
                // An error of one datagram or one client; the socket is bound still.
            }
            catch (Exception error)
            {
                Run.ReportFailure(Owner.DisplayName, error);
            }
            finally
            {
                if (buffer is not null)
                {
                    ArrayPool<byte>.Shared.Return(buffer);
                }
            }
        }
    }

    private async ValueTask ReceiveOneAsync(byte[] buffer, IPEndPoint any, SocketAddress from)
    {
        var state = Current;
        var origins = Run.Origins;
        if (state.Plan.DependsOnOrigin && origins.GoesByInterface)
        {
            var result = await Socket.ReceiveMessageFromAsync(buffer.AsMemory(), SocketFlags.None, any).ConfigureAwait(false);
            var address = result.RemoteEndPoint.Serialize();
            Forward(state, origins, buffer.AsSpan(0, result.ReceivedBytes), address, result.PacketInformation.Interface);
        }
        else
        {
            var count = await Socket.ReceiveFromAsync(buffer.AsMemory(), SocketFlags.None, from).ConfigureAwait(false);
            Forward(state, origins, buffer.AsSpan(0, count), from, 0);
        }
    }

    private void Forward(State state, NodeOrigins origins, ReadOnlySpan<byte> datagram, SocketAddress from, int interfaceIndex)
    {
        var client = Client.From(from);
        UdpFlow? flow;
        lock (_lock)
        {
            flow = _flows?.GetValueOrDefault(client);
        }

        List<EndpointTarget>? refused = null;
        for (var attempt = 0; attempt < MaxAttempts; attempt++)
        {
            if (flow is null || flow.IsRefused)
            {
                if (flow is not null)
                {
                    (refused ??= []).Add(flow.Target);
                    Remove(client, flow);
                }

                flow = Open(state, origins, client, from, interfaceIndex, refused);
            }

            if (flow is null)
            {
                if (ReferenceEquals(state, Current))
                {
                    break;
                }

                // The frontend has changed while the flow was made, to another service port even: what it is now decides.
                state = Current;
                continue;
            }

            if (flow.Send(datagram))
            {
                return;
            }
        }

        Run.Metrics.DroppedDatagrams.Add(1);
    }

    private UdpFlow? Open(
        State state, NodeOrigins origins, Client client, SocketAddress from, int interfaceIndex, List<EndpointTarget>? refused)
    {
        var connection = new ConnectionKey(client.Address, client.Port, Key.Address, Key.Port);
        var policy = state.PolicyFor(origins, client.Address, interfaceIndex, Key.Address);
        if (state.Owner.Routing is not { } routing)
        {
            return null;
        }

        // What refused an earlier datagram may listen again by now; where there is nothing else it gets this one too.
        var target = state.Owner.Pick(routing, policy, connection, refused)
            ?? (refused is null ? null : state.Owner.Pick(routing, policy, connection, null));
        if (target is null)
        {
            return null;
        }

        if (!Run.Metrics.TryOpenFlow(Run.MaxUdpFlows))
        {
            Run.ReportTooManyFlows(state.Owner.DisplayName);
            return null;
        }

        UdpFlow flow;
        try
        {
            flow = new UdpFlow(Run, this, state.Owner, target, from, client);
        }
        catch (SocketException error)
        {
            Run.Metrics.FlowClosed();
            if (TcpFrontend.IsOutOfDescriptors(error))
            {
                Run.ReportOutOfDescriptors(state.Owner.DisplayName);
            }

            TrafficLog.FlowRefused(Run.Traffic, state.Owner.DisplayName, new Endpoint(client.Address, client.Port), target.EndPoint, error.Message);
            return null;
        }

        Run.Metrics.Flows.Add(1);
        TrafficLog.FlowBalanced(Run.Traffic, state.Owner.DisplayName, new Endpoint(client.Address, client.Port), target.EndPoint);
        lock (_lock)
        {
            // An update, or the end, may have come while this flow was made; it must not outlive what it was made for.
            if (_isClosed || state.Owner != Owner || !state.Owner.IsServing(target))
            {
                flow.Dispose();
                return null;
            }

            (_flows ??= [])[client] = flow;
        }

        flow.Start();
        return flow;
    }

    private void Remove(Client client, UdpFlow flow)
    {
        lock (_lock)
        {
            if (_flows?.GetValueOrDefault(client) == flow)
            {
                _flows.Remove(client);
            }
        }

        flow.Dispose();
    }

    /// <summary>What tells a client from another: its address and port, and the link for link-local addresses.</summary>
    internal readonly record struct Client(InetAddress Address, ushort Port, uint Scope)
    {
        /// <summary>From a <c>struct sockaddr_in</c> or <c>sockaddr_in6</c>.</summary>
        public static Client From(SocketAddress address)
        {
            var bytes = address.Buffer.Span;
            var port = (ushort)(bytes[2] << 8 | bytes[3]);
            return address.Family == AddressFamily.InterNetwork
                ? new Client(InetAddress.FromBytes(bytes.Slice(4, 4)), port, 0)
                : new Client(InetAddress.FromBytes(bytes.Slice(8, 16)), port, BitConverter.ToUInt32(bytes.Slice(24, 4)));
        }
    }
}
