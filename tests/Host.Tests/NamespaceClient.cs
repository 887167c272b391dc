using System.Net;
using System.Net.Sockets;
using ProxyFramework.Testing;

namespace ProxyFramework.Host.Tests;

/// <summary>Clients and servers in a network namespace: a socket belongs to where it was made.</summary>
internal static class NamespaceClient
{
    public static Socket NewSocket(this NetworkNamespace network) =>
        network.Run(() => new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp));

    public static HttpClient NewHttpClient(this NetworkNamespace network) => new(new SocketsHttpHandler
    {
        ConnectCallback = async (context, cancellation) =>
        {
            var socket = network.NewSocket();
            await socket.ConnectAsync(context.DnsEndPoint, cancellation);
            return new NetworkStream(socket, ownsSocket: true);
        },
    })
    {
        Timeout = TimeSpan.FromSeconds(30),
    };

    /// <summary>Connects, and reads what the other side says first; null where it is refused or reset.</summary>
    public static async Task<string?> HearAsync(this NetworkNamespace network, IPEndPoint address)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        using var socket = network.NewSocket();
        try
        {
            await socket.ConnectAsync(address, limit.Token);
            var buffer = new byte[64];
            var length = await socket.ReceiveAsync(buffer, limit.Token);
            return length == 0 ? null : System.Text.Encoding.UTF8.GetString(buffer, 0, length);
        }
        catch (SocketException)
        {
            return null;
        }
    }
}
