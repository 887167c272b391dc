using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;

namespace ProxyFramework.Plugins.HealthChecks;

/// <summary>
/// <c>udp</c>: sends a datagram (option <c>send</c>, an empty one unless given) and waits for a reply, which contains the text of the option
/// <c>expect</c>, if given. <c>\x00</c> and the like are written so.
/// </summary>
public sealed class UdpHealthCheck : IHealthCheck
{
    /// <inheritdoc/>
    public string Name => "udp";

    /// <inheritdoc/>
    public TransportProtocol? Protocol => TransportProtocol.Udp;

    /// <inheritdoc/>
    public IHealthProbe CreateProbe(HealthCheckContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        var options = new OptionReader(context.Options, "send", "expect");
        return new Probe(Bytes(options.Text("send")), Bytes(options.Text("expect")));
    }

    /// <summary>Bytes of binary protocols are written as they are: a character is a byte.</summary>
    private static byte[] Bytes(string? text) => text is null ? [] : Encoding.Latin1.GetBytes(Regex.Unescape(text));

    private sealed class Probe(byte[] send, byte[] expect) : IHealthProbe
    {
        public async ValueTask<ProbeResult> ProbeAsync(InetAddress address, ushort port, CancellationToken cancellationToken)
        {
            var endpoint = new IPEndPoint(address.ToIPAddress(), port);
            using var socket = new Socket(endpoint.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
            await socket.ConnectAsync(endpoint, cancellationToken).ConfigureAwait(false);
            await socket.SendAsync(send, cancellationToken).ConfigureAwait(false);
            var reply = new byte[65535];
            var count = await socket.ReceiveAsync(reply, cancellationToken).ConfigureAwait(false);
            return expect.Length == 0 || reply.AsSpan(0, count).IndexOf(expect) >= 0
                ? ProbeResult.Healthy
                : ProbeResult.Unhealthy($"its reply of {count} bytes does not contain what is expected");
        }
    }
}
