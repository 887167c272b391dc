using System.Net;
using System.Net.Sockets;
using System.Text;

namespace ProxyFramework.Userspace.Tests.Backend;

/// <summary>A real UDP server that answers with its name, the sender's port as it sees it, and what it got.</summary>
internal sealed class UdpServer : IDisposable
{
    private readonly Socket _socket;
    private int _datagrams;

    public UdpServer(string name, IPAddress? address = null, int port = 0, bool isSilent = false)
    {
        Name = name;
        address ??= IPAddress.Loopback;
        _socket = new Socket(address.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
        _socket.Bind(new IPEndPoint(address, port));
        EndPoint = (IPEndPoint)_socket.LocalEndPoint!;
        _ = ServeAsync(isSilent);
    }

    public string Name { get; }

    public IPEndPoint EndPoint { get; }

    public int Datagrams => Volatile.Read(ref _datagrams);

    public void Dispose() => _socket.Dispose();

    private async Task ServeAsync(bool isSilent)
    {
        var buffer = new byte[65535];
        try
        {
            while (true)
            {
                var result = await _socket.ReceiveFromAsync(buffer, new IPEndPoint(IPAddress.Any, 0).AddressFamily == EndPoint.AddressFamily
                    ? new IPEndPoint(IPAddress.Any, 0) : new IPEndPoint(IPAddress.IPv6Any, 0));
                Interlocked.Increment(ref _datagrams);
                if (!isSilent)
                {
                    var text = $"{Name} {((IPEndPoint)result.RemoteEndPoint).Port} {Encoding.ASCII.GetString(buffer, 0, result.ReceivedBytes)}";
                    await _socket.SendToAsync(Encoding.ASCII.GetBytes(text), result.RemoteEndPoint);
                }
            }
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            // Closed.
        }
    }
}
