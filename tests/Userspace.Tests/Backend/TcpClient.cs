using System.Net;
using System.Net.Sockets;
using System.Text;

namespace ProxyFramework.Userspace.Tests.Backend;

/// <summary>A client that reads lines from a service.</summary>
internal sealed class TcpClient : IDisposable
{
    private TcpClient(Socket socket) => Socket = socket;

    public Socket Socket { get; }

    public static async Task<TcpClient> ConnectAsync((InetAddress Address, ushort Port) frontend, string? from = null)
    {
        var endPoint = frontend.ToEndPoint();
        var socket = new Socket(endPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            if (from is not null)
            {
                socket.Bind(new IPEndPoint(IPAddress.Parse(from), 0));
            }

            await socket.ConnectAsync(endPoint, Wait.Limit());
            return new TcpClient(socket);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Connects, reads the name that the server says, and leaves.</summary>
    public static async Task<string> AskAsync((InetAddress Address, ushort Port) frontend, string? from = null)
    {
        using var client = await ConnectAsync(frontend, from);
        return await client.ReadLineAsync();
    }

    public static async Task<List<string>> AskAsync((InetAddress Address, ushort Port) frontend, int times)
    {
        var names = new List<string>();
        for (var time = 0; time < times; time++)
        {
            names.Add(await AskAsync(frontend));
        }

        return names;
    }

    public async Task<string> ReadLineAsync()
    {
        var line = new StringBuilder();
        var one = new byte[1];
        while (await Socket.ReceiveAsync(one, Wait.Limit()) == 1 && one[0] != '\n')
        {
            line.Append((char)one[0]);
        }

        return line.ToString();
    }

    public async Task<string> EchoAsync(string text)
    {
        await Socket.SendAsync(Encoding.ASCII.GetBytes(text + "\n"));
        return await ReadLineAsync();
    }

    public async Task<byte[]> ReadToEndAsync()
    {
        using var all = new MemoryStream();
        var buffer = new byte[64 * 1024];
        int count;
        while ((count = await Socket.ReceiveAsync(buffer, Wait.Limit())) > 0)
        {
            all.Write(buffer, 0, count);
        }

        return all.ToArray();
    }

    /// <summary>Closes so that the other side sees a reset.</summary>
    public void Reset()
    {
        Socket.LingerState = new LingerOption(true, 0);
        Socket.Dispose();
    }

    public void Dispose() => Socket.Dispose();
}
