using System.Net.Sockets;

namespace ProxyFramework.Netlink;

/// <summary>
/// Listens to multicast groups of a netlink family. It waits through .NET's own poller, not on a thread of its own. One reader.
/// </summary>
public sealed class NetlinkSubscription : IDisposable
{
    private readonly NetlinkSocket _netlink;
    private readonly Socket _socket;
    private readonly byte[] _probe = new byte[1];
    private readonly byte[] _buffer = GC.AllocateUninitializedArray<byte>(128 << 10);

    private NetlinkSubscription(NetlinkSocket netlink)
    {
        _netlink = netlink;
        _socket = new Socket(netlink.Handle);
    }

    /// <summary>Opens a subscription in the network namespace of the calling thread.</summary>
    /// <param name="protocol">The netlink family.</param>
    /// <param name="groups">The numbers of the multicast groups to join.</param>
    /// <param name="receiveBuffer">Bytes of receive buffer; what does not fit is lost, and reported as an overrun.</param>
    /// <param name="ignoredPort">The <see cref="NetlinkSocket.PortId"/> whose changes are not told; 0 for none.</param>
    /// <exception cref="NetlinkException">A system call failed.</exception>
    public static NetlinkSubscription Open(NetlinkProtocol protocol, ReadOnlySpan<uint> groups, int receiveBuffer = 8 << 20, uint ignoredPort = 0)
    {
        var socket = NetlinkSocket.Open(protocol, receiveBuffer);
        try
        {
            if (ignoredPort != 0)
            {
                socket.Ignore(ignoredPort);
            }

            foreach (var group in groups)
            {
                socket.Join(group);
            }

            return new NetlinkSubscription(socket);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Joins one more group.</summary>
    /// <exception cref="NetlinkException">The group does not exist or may not be joined.</exception>
    public void Join(uint group) => _netlink.Join(group);

    /// <summary>Leaves a group. What was queued before is still received.</summary>
    /// <exception cref="NetlinkException">The group does not exist.</exception>
    public void Leave(uint group) => _netlink.Leave(group);

    /// <summary>Waits for notifications.</summary>
    /// <returns>
    /// Whole messages for <see cref="NetlinkReader"/>, valid until the next call; empty where notifications were lost
    /// (<c>ENOBUFS</c>), so that the state must be dumped again. The socket goes on working afterwards.
    /// </returns>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    /// <exception cref="NetlinkException">The socket failed.</exception>
    public async ValueTask<ReadOnlyMemory<byte>> ReceiveAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                // Peeking only waits; the sender can be checked by recvfrom alone.
                var received = _netlink.Receive(_buffer, wait: false);
                if (received > 0)
                {
                    return _buffer.AsMemory(0, received);
                }

                await _socket.ReceiveAsync(_probe.AsMemory(), SocketFlags.Peek, cancellationToken).ConfigureAwait(false);
            }
            catch (Exception lost) when (IsOverrun(lost))
            {
                Drain();
                return ReadOnlyMemory<byte>.Empty;
            }
            catch (SocketException failed)
            {
                throw new NetlinkException($"netlink recv: {failed.Message}", failed);
            }
        }
    }

    /// <summary>Closes the socket; a waiting reader is cancelled.</summary>
    public void Dispose()
    {
        _socket.Dispose();
        _netlink.Dispose();
    }

    private static bool IsOverrun(Exception exception) => exception
        is NetlinkException { ErrorNumber: Errno.ENOBUFS }
        or SocketException { SocketErrorCode: SocketError.NoBufferSpaceAvailable };

    /// <summary>
    /// Throws away what is still queued. Until its queue has been empty once, an overrun socket loses messages without a further
    /// ENOBUFS (NETLINK_S_CONGESTED in net/netlink/af_netlink.c), so what is dumped before that could be out of date for ever.
    /// </summary>
    private void Drain()
    {
        while (true)
        {
            try
            {
                if (_netlink.Receive(_buffer, wait: false) == 0)
                {
                    return;
                }
            }
            catch (NetlinkException again) when (IsOverrun(again))
            {
                // Lost again in the meantime; still the same overrun to the caller.
            }
        }
    }
}
