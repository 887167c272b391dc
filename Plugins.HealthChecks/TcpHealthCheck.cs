using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;

namespace ProxyFramework.Plugins.HealthChecks;

/// <summary>
/// <c>tcp</c>: connects. A process that hangs is still connected to, by its kernel, so with the options <c>send</c> and <c>expect</c> it also says
/// something and waits for an answer that contains a text; <c>\r</c>, <c>\n</c> and the like are written so.
/// </summary>
public sealed class TcpHealthCheck : IHealthCheck
{
    /// <inheritdoc/>
    public string Name => "tcp";

    /// <inheritdoc/>
    public TransportProtocol? Protocol => TransportProtocol.Tcp;

    /// <inheritdoc/>
    public IHealthProbe CreateProbe(HealthCheckContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        var options = new OptionReader(context.Options, "send", "expect");
        return new Probe(Bytes(options.Text("send")), Bytes(options.Text("expect")));
    }

    private static byte[] Bytes(string? text) => text is null ? [] : Encoding.UTF8.GetBytes(Regex.Unescape(text));

    private sealed class Probe(byte[] send, byte[] expect) : IHealthProbe
    {
        private const int LongestAnswer = 4096;

        // No TIME_WAIT is left behind, of which there would be thousands.
        private static readonly LingerOption Reset = new(true, 0);

        public async ValueTask<ProbeResult> ProbeAsync(InetAddress address, ushort port, CancellationToken cancellationToken)
        {
            var endpoint = new IPEndPoint(address.ToIPAddress(), port);
            using var socket = new Socket(endpoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { LingerState = Reset };
            await socket.ConnectAsync(endpoint, cancellationToken).ConfigureAwait(false);

            // Where nobody listens at an address of this machine, a socket may connect to itself (RFC 9293 §3.5).
            if (endpoint.Equals(socket.LocalEndPoint))
            {
                return ProbeResult.Unhealthy("nobody listens");
            }

            if (send.Length > 0)
            {
                await socket.SendAsync(send, cancellationToken).ConfigureAwait(false);
            }

            return expect.Length == 0 ? ProbeResult.Healthy : await WaitForAsync(socket, cancellationToken).ConfigureAwait(false);
        }

        private async ValueTask<ProbeResult> WaitForAsync(Socket socket, CancellationToken cancellationToken)
        {
            var answer = new byte[LongestAnswer];
            var length = 0;
            while (answer.AsSpan(0, length).IndexOf(expect) < 0)
            {
                var count = await socket.ReceiveAsync(answer.AsMemory(length), cancellationToken).ConfigureAwait(false);
                if (count == 0)
                {
                    return ProbeResult.Unhealthy($"its answer of {length} bytes does not contain what is expected");
                }

                length += count;
            }

            return ProbeResult.Healthy;
        }
    }
}
