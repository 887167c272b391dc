using System.Net;
using System.Net.Sockets;
using System.Text;

namespace ProxyFramework.Userspace.Tests.Backend;

/// <summary>A client with one source port, connected, so that it takes replies from the frontend's address only and sees ICMP errors.</summary>
internal sealed class UdpClient : IDisposable
{
    public UdpClient((InetAddress Address, ushort Port) frontend, string? from = null)
    {
        var endPoint = frontend.ToEndPoint();
        Socket = new Socket(endPoint.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
        if (from is not null)
        {
            Socket.Bind(new IPEndPoint(IPAddress.Parse(from), 0));
        }

        Socket.Connect(endPoint);
    }

    public Socket Socket { get; }

    public Task SendAsync(string text) => Socket.SendAsync(Encoding.ASCII.GetBytes(text));

    public async Task<string> ReceiveAsync()
    {
        var buffer = new byte[65535];
        return Encoding.ASCII.GetString(buffer, 0, await Socket.ReceiveAsync(buffer, Wait.Limit()));
    }

    /// <summary>Sends and waits for the answer; the first word is who answered.</summary>
    public async Task<string> AskAsync(string text = "x")
    {
        await SendAsync(text);
        return (await ReceiveAsync()).Split(' ')[0];
    }

    public void Dispose() => Socket.Dispose();
}
