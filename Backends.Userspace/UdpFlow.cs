using System.Buffers;
using System.Net;
using System.Net.Sockets;

namespace ProxyFramework.Backends.Userspace;

/// <summary>The datagrams between one client and one endpoint, over a socket connected to the endpoint.</summary>
internal sealed class UdpFlow : IDisposable
{
    private const int MaxDatagram = 65_535;

    private readonly UserspaceRun _run;
    private readonly UdpFrontend _frontend;
    private readonly SocketAddress _clientAddress;
    private readonly UdpFrontend.Client _client;
    private readonly Socket _upstream;
    private long _lastUsed;
    private volatile bool _isReplied;
    private volatile bool _isRefused;
    private int _isClosed;
    private AnswerClock _clock;

    /// <exception cref="SocketException">No socket can be had, or there is no route to the endpoint.</exception>
    public UdpFlow(
        UserspaceRun run,
        UdpFrontend frontend,
        ProxiedServicePort service,
        EndpointTarget target,
        SocketAddress clientAddress,
        UdpFrontend.Client client)
    {
        _run = run;
        _frontend = frontend;
        _clientAddress = Copy(clientAddress);
        _client = client;
        Service = service;
        Target = target;
        _lastUsed = run.Time.GetTimestamp();
        _clock = new AnswerClock(run.Time);
        _upstream = new Socket(target.EndPoint.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
        run.Descriptors.Require(_upstream);
        try
        {
            _upstream.Blocking = false;
            _upstream.Connect(target.EndPoint);
            if (run.Origins.IsOwnAddress(target.Address) && target.HasItselfAsPeer(_upstream))
            {
                throw new SocketException((int)SocketError.ConnectionRefused);
            }
        }
        catch
        {
            _upstream.Dispose();
            throw;
        }

        target.Load.ConnectionOpened();
    }

    public ProxiedServicePort Service { get; }

    public EndpointTarget Target { get; }

    /// <summary>Whether the endpoint said, by ICMP, that nobody listens: the client is to be balanced anew.</summary>
    public bool IsRefused => _isRefused;

    /// <summary>Whether nothing has passed for longer than a flow may be idle; less where no reply ever came, as in nf_conntrack.</summary>
    public bool IsIdle => _run.Time.GetElapsedTime(Volatile.Read(ref _lastUsed))
        >= (_isReplied ? _run.Settings.UdpStreamTimeout : _run.Settings.UdpTimeout);

    public void Start() => _ = CarryRepliesAsync();

    /// <summary>
    /// Sends a datagram to the endpoint. It never waits: the clients of one frontend share its loop, and none is to wait for
    /// another's slow endpoint.
    /// </summary>
    /// <returns>False where the endpoint refuses.</returns>
    public bool Send(ReadOnlySpan<byte> datagram)
    {
        Volatile.Write(ref _lastUsed, _run.Time.GetTimestamp());
        try
        {
            _clock.Asked();
            _upstream.Send(datagram, SocketFlags.None, out var error);
            switch (error)
            {
                case SocketError.Success:
                    _run.Metrics.Bytes.Add(datagram.Length);
                    return true;
                case SocketError.WouldBlock or SocketError.NoBufferSpaceAvailable or SocketError.MessageSize:
                    // Too much, or too long, for the way to the endpoint: as lost as in a network.
                    _run.Metrics.DroppedDatagrams.Add(1);
                    return true;
                default:
                    Refuse(new SocketException((int)error));
                    return false;
            }
        }
        catch (ObjectDisposedException error)
        {
            Refuse(error);
            return false;
        }
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isClosed, 1) == 0)
        {
            _upstream.Dispose();
            Target.Load.ConnectionClosed();
            _run.Metrics.FlowClosed();
        }
    }

    private static SocketAddress Copy(SocketAddress address)
    {
        var copy = new SocketAddress(address.Family, address.Size);
        address.Buffer.Span[..address.Size].CopyTo(copy.Buffer.Span);
        return copy;
    }

    private void Refuse(Exception error)
    {
        if (!_isRefused && Volatile.Read(ref _isClosed) == 0)
        {
            TrafficLog.FlowRefused(
                _run.Traffic, Service.DisplayName, new Endpoint(_client.Address, _client.Port), Target.EndPoint, error.Message);
        }

        _isRefused = true;
    }

    private async Task CarryRepliesAsync()
    {
        while (Volatile.Read(ref _isClosed) == 0)
        {
            byte[]? buffer = null;
            try
            {
                await UdpFrontend.WaitForDatagramAsync(_upstream).ConfigureAwait(false);
                buffer = ArrayPool<byte>.Shared.Rent(MaxDatagram);
                do
                {
                    var count = await _upstream.ReceiveAsync(buffer.AsMemory()).ConfigureAwait(false);
                    _isReplied = true;
                    _clock.Answered(Target.Load);
                    Volatile.Write(ref _lastUsed, _run.Time.GetTimestamp());
                    Reply(buffer.AsSpan(0, count));
                }
                while (_upstream.Available > 0);
            }
            catch (Exception error) when (error is SocketException or ObjectDisposedException)
            {
                Refuse(error);
                return;
            }
            catch (Exception error)
            {
                _run.ReportFailure(Service.DisplayName, error);
                _isRefused = true;
                return;
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

    private void Reply(ReadOnlySpan<byte> datagram)
    {
        try
        {
            _frontend.Reply(datagram, _clientAddress);
            _run.Metrics.Bytes.Add(datagram.Length);
        }
        catch (SocketException)
        {
            // This client cannot be reached now; that says nothing about the endpoint.
            _run.Metrics.DroppedDatagrams.Add(1);
        }
    }
}
