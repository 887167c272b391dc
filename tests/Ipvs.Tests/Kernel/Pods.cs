using System.Net;
using System.Net.Sockets;
using System.Text;
using ProxyFramework.Testing;

namespace ProxyFramework.Ipvs.Tests.Kernel;

/// <summary>Servers on port 8080 of any of the pods' addresses, TCP and UDP, that answer each byte with the address at which it arrived.</summary>
internal sealed class Pods : IDisposable
{
    private const int Port = 8080;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly List<Socket> _sockets = [];

    public Pods(NetworkNamespace pods, params IEnumerable<string> addresses)
    {
        foreach (var address in addresses.Select(IPAddress.Parse))
        {
            var tcp = pods.Run(() => new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp));
            tcp.Bind(new IPEndPoint(address, Port));
            tcp.Listen(64);
            _ = AcceptAsync(tcp);
            var udp = pods.Run(() => new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp));
            udp.Bind(new IPEndPoint(address, Port));
            _ = EchoAsync(udp, address);
            _sockets.AddRange([tcp, udp]);
        }
    }

    /// <summary>Connects from a namespace. At its end the connection is reset, so that IPVS forgets it after 10 s, and not 2 min.</summary>
    /// <exception cref="SocketException">Refused, or silence.</exception>
    public static async Task<Socket> ConnectAsync(NetworkNamespace from, string address, int port, int sourcePort = 0)
    {
        var socket = from.Run(() => new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp));
        try
        {
            socket.LingerState = new LingerOption(true, 0);
            socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
            socket.Bind(new IPEndPoint(IPAddress.Any, sourcePort));
            using var limit = new CancellationTokenSource(Patience);
            await socket.ConnectAsync(new IPEndPoint(IPAddress.Parse(address), port), limit.Token);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Who is at the other end of a connection.</summary>
    public static async Task<string> AskAsync(Socket socket)
    {
        using var limit = new CancellationTokenSource(Patience);
        await socket.SendAsync("?"u8.ToArray(), limit.Token);
        var buffer = new byte[64];
        return Encoding.ASCII.GetString(buffer, 0, await socket.ReceiveAsync(buffer, limit.Token));
    }

    /// <summary>Who answers a new connection, which is then reset.</summary>
    public static async Task<string> AskAsync(NetworkNamespace from, string address, int port, int sourcePort = 0)
    {
        using var socket = await ConnectAsync(from, address, port, sourcePort);
        return await AskAsync(socket);
    }

    public void Dispose() => _sockets.ForEach(static socket => socket.Dispose());

    private static async Task AcceptAsync(Socket listener)
    {
        try
        {
            while (true)
            {
                var connection = await listener.AcceptAsync();
                _ = ServeAsync(connection);
            }
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            // The end.
        }
    }

    private static async Task ServeAsync(Socket connection)
    {
        using (connection)
        {
            try
            {
                var buffer = new byte[64];
                while (await connection.ReceiveAsync(buffer) > 0)
                {
                    await connection.SendAsync(Encoding.ASCII.GetBytes(((IPEndPoint)connection.LocalEndPoint!).Address.ToString()));
                }
            }
            catch (SocketException)
            {
                // The client reset the connection.
            }
        }
    }

    private static async Task EchoAsync(Socket socket, IPAddress address)
    {
        var buffer = new byte[64];
        try
        {
            while (true)
            {
                var received = await socket.ReceiveFromAsync(buffer, new IPEndPoint(IPAddress.Any, 0));
                await socket.SendToAsync(Encoding.ASCII.GetBytes(address.ToString()), received.RemoteEndPoint);
            }
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            // The end.
        }
    }
}
