using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace ProxyFramework.Backends.Userspace;

/// <summary>Accepts TCP connections at one address and port, one accept at a time, without a thread of its own.</summary>
internal sealed class TcpFrontend : FrontendListener
{
    // Values of linux/in.h and linux/in6.h.
    private const int SOL_IP = 0;
    private const int IP_PKTINFO = 8;
    private const int IP_PKTOPTIONS = 9;
    private const int SOL_IPV6 = 41;
    private const int IPV6_2292PKTOPTIONS = 6;
    private const int IPV6_RECVPKTINFO = 49;
    private const int IPV6_PKTINFO = 50;
    private volatile bool _isClosed;

    public TcpFrontend(ListenKey key, UserspaceRun run, Socket socket, State state)
        : base(key, run, socket, state)
    {
    }

    /// <summary>What takes a connection now: the frontend may have moved to another service port since it was accepted.</summary>
    public (ProxiedServicePort Service, TrafficPolicy Policy) Route(in ConnectionKey connection, int incomingInterface)
    {
        var state = Current;
        return (state.Owner, state.PolicyFor(Run.Origins, connection.Source, incomingInterface, Key.Address));
    }

    public override void Close()
    {
        _isClosed = true;
        Socket.Dispose();
    }

    /// <summary>
    /// The interface that the connection's first packets came in through: the kernel keeps it in the socket and tells it as the
    /// "packet options" of a stream (<c>do_ip_getsockopt</c>, <c>do_ipv6_getsockopt</c>). 0 where it does not.
    /// </summary>
    internal static int IncomingInterface(Socket accepted)
    {
        ReadOnlySpan<byte> on = [1, 0, 0, 0];
        Span<byte> answer = stackalloc byte[256];
        var isIPv4 = accepted.AddressFamily == AddressFamily.InterNetwork;
        accepted.SetRawSocketOption(isIPv4 ? SOL_IP : SOL_IPV6, isIPv4 ? IP_PKTINFO : IPV6_RECVPKTINFO, on);
        var length = accepted.GetRawSocketOption(isIPv4 ? SOL_IP : SOL_IPV6, isIPv4 ? IP_PKTOPTIONS : IPV6_2292PKTOPTIONS, answer);

        // struct cmsghdr { size_t len; int level; int type; }, then struct in_pktinfo (index first) or in6_pktinfo (index last).
        var rest = answer[..length];
        while (rest.Length >= 16)
        {
            var size = (int)BinaryPrimitives.ReadUInt64LittleEndian(rest);
            if (size < 16 || size > rest.Length)
            {
                return 0;
            }

            var type = BinaryPrimitives.ReadInt32LittleEndian(rest[12..]);
            if (isIPv4 && type == IP_PKTINFO)
            {
                return BinaryPrimitives.ReadInt32LittleEndian(rest[16..]);
            }

            if (!isIPv4 && type == IPV6_PKTINFO)
            {
                return BinaryPrimitives.ReadInt32LittleEndian(rest[32..]);
            }

            rest = rest[Math.Min(rest.Length, (size + 7) & ~7)..];
        }

        return 0;
    }

    protected override void Start() => _ = AcceptAsync();

    private async Task AcceptAsync()
    {
        while (!_isClosed)
        {
            if (Run.IsShortOfDescriptors)
            {
                // What comes free goes to the connections that are accepted already.
                await Task.Delay(UserspaceRun.PauseWithoutDescriptors, Run.Time).ConfigureAwait(false);
                continue;
            }

            Socket client;
            try
            {
                client = await Socket.AcceptAsync().ConfigureAwait(false);
                Run.Descriptors.Require(client);
            }
            catch (Exception error) when (error is ObjectDisposedException || _isClosed)
            {
                return;
            }
            catch (SocketException error) when (IsOutOfDescriptors(error))
            {
                // Those that come after it stay in the kernel's queue until descriptors are free again.
                Run.ReportOutOfDescriptors(Owner.DisplayName);
                await Task.Delay(UserspaceRun.PauseWithoutDescriptors, Run.Time).ConfigureAwait(false);
                continue;
            }
            catch (SocketException)
            {
                continue; // a client that went away before it was accepted (accept(2), "Error handling")
            }

            try
            {
                Serve(client);
            }
            catch (Exception error)
            {
                client.Dispose();
                if (error is not SocketException)
                {
                    Run.ReportFailure(Owner.DisplayName, error);
                }
            }
        }
    }

    private void Serve(Socket client)
    {
        var state = Current;
        if (state.Plan.Filter is not null)
        {
            SocketFilter.Detach(client);
        }

        if (client.RemoteEndPoint is not IPEndPoint remote)
        {
            client.Dispose();
            return;
        }

        var source = InetAddress.FromIPAddress(remote.Address);
        var incoming = state.Plan.DependsOnOrigin && Run.Origins.GoesByInterface ? IncomingInterface(client) : 0;
        var connection = new ConnectionKey(source, (ushort)remote.Port, Key.Address, Key.Port);
        new TcpRelay(Run, this, client, connection, incoming).Start();
    }

    internal static bool IsOutOfDescriptors(SocketException error) =>
        error.SocketErrorCode is SocketError.TooManyOpenSockets or SocketError.NoBufferSpaceAvailable;
}
