using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace ProxyFramework.Behaviour.Testbed;

/// <summary>
/// Servers of one pod that say who they are and whom they saw: HTTP/1.1 over TCP, and one datagram back for each over UDP.
/// <c>GET /</c> answers <c>NAME LOCAL PEER</c>, <c>GET /bytes/N</c> answers N bytes, <c>POST /count</c> reads until the client
/// closes its half and then answers how many bytes came.
/// </summary>
public sealed class IdentityServer : IAsyncDisposable
{
    private readonly string _name;
    private readonly CancellationTokenSource _stop = new();
    private readonly List<Socket> _sockets = [];
    private readonly List<Task> _loops = [];
    private int _requests;
    private volatile bool _isHung;

    public IdentityServer(string name)
    {
        _name = name;
    }

    /// <summary>How many requests and datagrams were answered.</summary>
    public int Requests => Volatile.Read(ref _requests);

    /// <summary>Whether it accepts connections and datagrams, and answers none of them.</summary>
    public bool IsHung
    {
        get => _isHung;
        set => _isHung = value;
    }

    /// <summary>Listens on TCP and UDP. To be called inside the server's namespace.</summary>
    public void Listen(IPAddress address, int port)
    {
        ListenTcp(address, port);
        var udp = new Socket(address.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
        if (address.AddressFamily == AddressFamily.InterNetworkV6)
        {
            udp.DualMode = false;
        }

        udp.Bind(new IPEndPoint(address, port));
        Start(udp, AnswerDatagramsAsync);
    }

    /// <summary>Listens on TCP. To be called inside the server's namespace.</summary>
    public void ListenTcp(IPAddress address, int port)
    {
        var tcp = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        if (address.AddressFamily == AddressFamily.InterNetworkV6)
        {
            tcp.DualMode = false;
        }

        tcp.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
        tcp.Bind(new IPEndPoint(address, port));
        tcp.Listen(1024);
        Start(tcp, AcceptAsync);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        foreach (var socket in _sockets)
        {
            socket.Dispose();
        }

        await Task.WhenAll(_loops);
        _stop.Dispose();
    }

    private void Start(Socket socket, Func<Socket, Task> loop)
    {
        _sockets.Add(socket);
        _loops.Add(Task.Run(() => loop(socket)));
    }

    private async Task AnswerDatagramsAsync(Socket socket)
    {
        var buffer = new byte[65536];
        var any = new IPEndPoint(socket.AddressFamily == AddressFamily.InterNetwork ? IPAddress.Any : IPAddress.IPv6Any, 0);
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                var received = await socket.ReceiveFromAsync(buffer, any, _stop.Token);
                if (_isHung)
                {
                    continue;
                }

                Interlocked.Increment(ref _requests);
                var line = $"{_name} {socket.LocalEndPoint} {received.RemoteEndPoint}\n";
                await socket.SendToAsync(Encoding.ASCII.GetBytes(line), received.RemoteEndPoint, _stop.Token);
            }
            catch (Exception exception) when (exception is OperationCanceledException or ObjectDisposedException)
            {
                return;
            }
            catch (SocketException)
            {
                // An ICMP error for an earlier answer: the client has gone away.
            }
        }
    }

    private async Task AcceptAsync(Socket listener)
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                var connection = await listener.AcceptAsync(_stop.Token);
                _ = ServeAsync(connection);
            }
            catch (Exception exception) when (exception is OperationCanceledException or ObjectDisposedException)
            {
                return;
            }
            catch (SocketException)
            {
                // The client gave up between SYN and accept.
            }
        }
    }

    private async Task ServeAsync(Socket connection)
    {
        using (connection)
        {
            try
            {
                connection.NoDelay = true;
                var buffer = new byte[65536];
                var held = 0;
                while (true)
                {
                    var end = buffer.AsSpan(0, held).IndexOf("\r\n\r\n"u8);
                    if (end < 0)
                    {
                        var received = await connection.ReceiveAsync(buffer.AsMemory(held), _stop.Token);
                        if (received == 0)
                        {
                            return;
                        }

                        held += received;
                        continue;
                    }

                    while (_isHung)
                    {
                        await Task.Delay(10, _stop.Token);
                    }

                    var request = Encoding.ASCII.GetString(buffer, 0, end);
                    held -= end + 4;
                    buffer.AsSpan(end + 4, held).CopyTo(buffer);
                    Interlocked.Increment(ref _requests);
                    if (request.StartsWith("POST /count", StringComparison.Ordinal))
                    {
                        await CountAsync(connection, held);
                        return;
                    }

                    await connection.SendAsync(Respond(request, connection), _stop.Token);
                }
            }
            catch (Exception exception) when (exception is SocketException or OperationCanceledException)
            {
                // The client reset the connection, or the testbed ends.
            }
        }
    }

    private byte[] Respond(string request, Socket connection)
    {
        const string Bytes = "GET /bytes/";
        var body = request.StartsWith(Bytes, StringComparison.Ordinal)
            ? new byte[int.Parse(request.AsSpan(Bytes.Length, request.IndexOf(' ', Bytes.Length) - Bytes.Length), CultureInfo.InvariantCulture)]
            : Encoding.ASCII.GetBytes($"{_name} {connection.LocalEndPoint} {connection.RemoteEndPoint}\n");
        var head = string.Create(
            CultureInfo.InvariantCulture, $"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {body.Length}\r\n\r\n");
        return [.. Encoding.ASCII.GetBytes(head), .. body];
    }

    private async Task CountAsync(Socket connection, long count)
    {
        var buffer = new byte[65536];
        int received;
        while ((received = await connection.ReceiveAsync(buffer, _stop.Token)) > 0)
        {
            count += received;
        }

        var body = count.ToString(CultureInfo.InvariantCulture);
        var response = $"HTTP/1.1 200 OK\r\nContent-Length: {body.Length}\r\nConnection: close\r\n\r\n{body}";
        await connection.SendAsync(Encoding.ASCII.GetBytes(response), _stop.Token);
        connection.Shutdown(SocketShutdown.Send);
    }
}
