using System.Net;
using System.Net.Sockets;
using System.Text;
using ProxyFramework.Testing;

namespace ProxyFramework.Host.Tests;

/// <summary>Servers that say where they are to whoever connects.</summary>
internal sealed class Greeters : IDisposable
{
    private readonly List<Socket> _listeners = [];

    public Greeters(NetworkNamespace network, IEnumerable<IPEndPoint> addresses)
    {
        foreach (var address in addresses)
        {
            var listener = network.NewSocket();
            listener.Bind(address);
            listener.Listen(512);
            _listeners.Add(listener);
            _ = ServeAsync(listener, Encoding.UTF8.GetBytes(address.ToString()));
        }
    }

    public void Dispose() => _listeners.ForEach(listener => listener.Dispose());

    // Stays until the client leaves.
    private static async Task GreetAsync(Socket client, byte[] greeting)
    {
        using (client)
        {
            try
            {
                await client.SendAsync(greeting);
                await client.ReceiveAsync(new byte[1]);
            }
            catch (SocketException)
            {
                // The client reset it.
            }
        }
    }

    private static async Task ServeAsync(Socket listener, byte[] greeting)
    {
        try
        {
            while (true)
            {
                _ = GreetAsync(await listener.AcceptAsync(), greeting);
            }
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            // The test is over.
        }
    }
}
