using System.Buffers;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;

namespace ProxyFramework.Backends.Userspace;

/// <summary>
/// One TCP connection: connects to an endpoint, to others where that fails, and then carries bytes both ways until both sides
/// are done. Nothing that happens to the service afterwards touches it.
/// </summary>
internal sealed class TcpRelay(
    UserspaceRun run, TcpFrontend frontend, Socket client, ConnectionKey connection, int incomingInterface)
{
    private const int BufferSize = 32 * 1024;
    private const int KeepAliveSeconds = 60;
    private const int KeepAliveIntervalSeconds = 15;
    private static readonly LingerOption Reset = new(true, 0);

    private volatile Socket? _upstream;
    private volatile EndpointTarget? _target;
    private volatile bool _isAborted;
    private AnswerClock _clock = new(run.Time);

    /// <summary>The endpoint that it is connected to; null before that.</summary>
    public EndpointTarget? Target => _target;

    private Endpoint Client => new(connection.Source, connection.SourcePort);

    /// <summary>Completes, always successfully, when both sockets are closed.</summary>
    public Task Completion { get; private set; } = Task.CompletedTask;

    /// <summary>
    /// What every socket of a relayed connection gets: no delay, since what one side sends is to go out at once, and keep-alive,
    /// so that a half whose peer has vanished does not stay for ever.
    /// </summary>
    public static void Tune(Socket socket)
    {
        socket.NoDelay = true;
        socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, KeepAliveSeconds);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval, KeepAliveIntervalSeconds);
    }

    public void Start() => Completion = RunAsync();

    /// <summary>Ends it now: both sides see a reset.</summary>
    public void Abort()
    {
        _isAborted = true;
        CloseWithReset(client);
        if (_upstream is { } upstream)
        {
            CloseWithReset(upstream);
        }
    }

    private static void CloseWithReset(Socket socket)
    {
        try
        {
            socket.LingerState = Reset;
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            // It is closed or was reset from outside: nothing to tell the peer.
        }

        socket.Dispose();
    }

    private async Task RunAsync()
    {
        run.Register(this);
        try
        {
            var upstream = await ConnectAsync().ConfigureAwait(false);
            if (upstream is null)
            {
                CloseWithReset(client);
                return;
            }

            run.Metrics.Connections.Add(1);
            var request = PumpAsync(client, upstream, isAnswer: false);
            await PumpAsync(upstream, client, isAnswer: true).ConfigureAwait(false);
            await request.ConfigureAwait(false);
        }
        catch (Exception error)
        {
            run.ReportFailure(frontend.Owner.DisplayName, error);
            Abort();
        }
        finally
        {
            client.Dispose();
            _upstream?.Dispose();
            _target?.Load.ConnectionClosed();
            run.Unregister(this);
        }
    }

    private async Task<Socket?> ConnectAsync()
    {
        List<EndpointTarget>? tried = null;
        var (service, policy) = frontend.Route(connection, incomingInterface);
        for (var attempt = 0; ; attempt++)
        {
            // Read anew at each attempt: an endpoint may have left, or come, since the last one. A service port is taken out of
            // force after another one has taken over its frontend.
            var routing = service.Routing;
            while (routing is null && frontend.Owner != service)
            {
                (service, policy) = frontend.Route(connection, incomingInterface);
                routing = service.Routing;
            }

            if (routing is null || _isAborted || attempt > routing.Options.Retries
                || service.Pick(routing, policy, connection, tried) is not { } target)
            {
                break;
            }

            if (attempt > 0)
            {
                run.Metrics.Retries.Add(1);
            }

            target.Load.ConnectionOpened();
            if (await TryConnectAsync(service, target, routing.Options.ProxyProtocol).ConfigureAwait(false) is { } upstream)
            {
                _target = target;
                if (run.Traffic.IsEnabled(LogLevel.Debug))
                {
                    // The source is all that the endpoint's own log has: with it, its lines are matched to clients.
                    TrafficLog.Balanced(run.Traffic, service.DisplayName, Client, target.EndPoint, upstream.LocalEndPoint);
                }

                return upstream;
            }

            target.Load.ConnectionClosed();
            (tried ??= []).Add(target);
        }

        run.Metrics.Unserved.Add(1);
        TrafficLog.Unserved(run.Traffic, service.DisplayName, Client);
        return null;
    }

    private async ValueTask<Socket?> TryConnectAsync(ProxiedServicePort service, EndpointTarget target, ProxyProtocolVersion header)
    {
        Socket? upstream = null;
        using var timeout = new CancellationTokenSource(run.Settings.ConnectTimeout, run.Time);
        try
        {
            upstream = await OpenAsync(service, target, timeout.Token).ConfigureAwait(false);
            _upstream = upstream;
            Tune(upstream);
            await upstream.ConnectAsync(target.EndPoint, timeout.Token).ConfigureAwait(false);
            if (run.Origins.IsOwnAddress(target.Address) && target.HasItselfAsPeer(upstream))
            {
                throw new SocketException((int)SocketError.ConnectionRefused);
            }

            if (header != ProxyProtocolVersion.None)
            {
                await SendHeaderAsync(upstream, header).ConfigureAwait(false);
            }

            // An abort that came before the socket was known has not closed it.
            return _isAborted ? throw new OperationCanceledException() : upstream;
        }
        catch (Exception error) when (error is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            _upstream = null;
            upstream?.Dispose();
            if (!_isAborted)
            {
                ReportFailedConnect(service, target, error is SocketException ? error.Message
                    : upstream is null ? "no file descriptor came free in time" : "it did not answer in time");
            }

            return null;
        }
    }

    /// <summary>A socket towards an endpoint. That there is no descriptor for one now says nothing about the endpoint: it waits.</summary>
    private async ValueTask<Socket> OpenAsync(ProxiedServicePort service, EndpointTarget target, CancellationToken cancellationToken)
    {
        try
        {
            return Open();
        }
        catch (SocketException error) when (TcpFrontend.IsOutOfDescriptors(error))
        {
            run.ReportOutOfDescriptors(service.DisplayName);
        }

        using var waiting = run.WaitForDescriptor();
        while (true)
        {
            await Task.Delay(UserspaceRun.PauseWithoutDescriptors, run.Time, cancellationToken).ConfigureAwait(false);
            try
            {
                return Open();
            }
            catch (SocketException error) when (TcpFrontend.IsOutOfDescriptors(error))
            {
                // Still none.
            }
        }

        Socket Open()
        {
            var socket = new Socket(target.EndPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            run.Descriptors.Require(socket);
            return socket;
        }
    }

    private void ReportFailedConnect(ProxiedServicePort service, EndpointTarget target, string reason)
    {
        run.Metrics.ConnectFailures.Add(1);
        TrafficLog.ConnectFailed(run.Traffic, service.DisplayName, Client, target.EndPoint, reason);
    }

    private async Task SendHeaderAsync(Socket upstream, ProxyProtocolVersion version)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(ProxyHeader.MaxLength);
        try
        {
            await upstream.SendAsync(buffer.AsMemory(0, ProxyHeader.Write(buffer, version, connection))).ConfigureAwait(false);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>
    /// Carries one direction until its end is reached, and then half-closes the other side. Reads only when what was read before
    /// is written, which is all the back-pressure there is. While nothing comes it holds no buffer.
    /// </summary>
    private async Task PumpAsync(Socket from, Socket to, bool isAnswer)
    {
        byte[]? buffer = null;
        try
        {
            while (true)
            {
                await from.ReceiveAsync(Memory<byte>.Empty).ConfigureAwait(false);
                buffer = ArrayPool<byte>.Shared.Rent(BufferSize);
                int count;
                do
                {
                    count = await from.ReceiveAsync(buffer).ConfigureAwait(false);
                    if (count == 0)
                    {
                        to.Shutdown(SocketShutdown.Send);
                        return;
                    }

                    if (isAnswer)
                    {
                        _clock.Answered(_target!.Load);
                    }
                    else
                    {
                        _clock.Asked();
                    }

                    await to.SendAsync(buffer.AsMemory(0, count)).ConfigureAwait(false);
                    run.Metrics.Bytes.Add(count);
                }
                while (count == buffer.Length);

                ArrayPool<byte>.Shared.Return(buffer);
                buffer = null;
            }
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            // One side was reset, or the relay was aborted: the other side is to see a reset, not an orderly end.
            Abort();
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
