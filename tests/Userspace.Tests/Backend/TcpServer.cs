using System.Net;
using System.Net.Sockets;
using System.Text;

namespace ProxyFramework.Userspace.Tests.Backend;

/// <summary>A real TCP server. It says its name and then does what its handler does; by default it echoes until the end.</summary>
internal sealed class TcpServer : IDisposable
{
    private readonly Socket _listener;
    private readonly Func<TcpServer, Socket, Task> _handler;
    private int _connections;
    private int _open;

    public TcpServer(string name, Func<TcpServer, Socket, Task>? handler = null, IPAddress? address = null, int port = 0)
    {
        Name = name;
        _handler = handler ?? EchoAsync;
        address ??= IPAddress.Loopback;
        _listener = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        _listener.Bind(new IPEndPoint(address, port));
        _listener.Listen();
        EndPoint = (IPEndPoint)_listener.LocalEndPoint!;
        _ = AcceptAsync();
    }

    public string Name { get; }

    public IPEndPoint EndPoint { get; }

    public int Connections => Volatile.Read(ref _connections);

    public int Open => Volatile.Read(ref _open);

    public static async Task EchoAsync(TcpServer server, Socket socket)
    {
        await socket.SendAsync(Encoding.ASCII.GetBytes(server.Name + "\n"));
        var buffer = new byte[64 * 1024];
        int count;
        while ((count = await socket.ReceiveAsync(buffer)) > 0)
        {
            await socket.SendAsync(buffer.AsMemory(0, count));
        }
    }

    public void Dispose() => _listener.Dispose();

    private async Task AcceptAsync()
    {
        while (true)
        {
            Socket socket;
            try
            {
                socket = await _listener.AcceptAsync();
            }
            catch (SocketException error) when (error.SocketErrorCode == SocketError.TooManyOpenSockets)
            {
                await Task.Delay(5); // a test of that lack
                continue;
            }
            catch (Exception error) when (error is SocketException or ObjectDisposedException)
            {
                return;
            }

            Interlocked.Increment(ref _connections);
            Interlocked.Increment(ref _open);
            _ = HandleAsync(socket);
        }
    }

    private async Task HandleAsync(Socket socket)
    {
        try
        {
            await _handler(this, socket);
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            // The peer went away.
        }
        finally
        {
            socket.Dispose();
            Interlocked.Decrement(ref _open);
        }
    }
}
