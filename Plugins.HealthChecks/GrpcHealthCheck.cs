using System.Net;
using System.Net.Http.Headers;
using System.Text;

namespace ProxyFramework.Plugins.HealthChecks;

/// <summary>
/// <c>grpc</c>: the gRPC health checking protocol (<c>grpc.health.v1.Health/Check</c>), over HTTP/2 without TLS as the kubelet asks. The option
/// <c>service</c> names a service; without it the server as a whole is asked for.
/// </summary>
public sealed class GrpcHealthCheck : IHealthCheck
{
    /// <inheritdoc/>
    public string Name => "grpc";

    /// <inheritdoc/>
    public TransportProtocol? Protocol => TransportProtocol.Tcp;

    /// <inheritdoc/>
    public IHealthProbe CreateProbe(HealthCheckContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        return new Probe(new OptionReader(context.Options, "service").Text("service") ?? "");
    }

    private sealed class Probe : IHealthProbe, IDisposable
    {
        private const int Serving = 1;

        private static readonly string[] Statuses = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"];

        private readonly HttpMessageInvoker _client = new(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseProxy = false,
            PooledConnectionLifetime = TimeSpan.Zero,
            ActivityHeadersPropagator = null,
        });

        private readonly byte[] _request;

        public Probe(string service)
        {
            var name = Encoding.UTF8.GetBytes(service);
            if (name.Length > 127)
            {
                throw new ArgumentException("service: a name of more than 127 bytes");
            }

            // HealthCheckRequest { string service = 1; }, after the five bytes that frame a message: not compressed, its length.
            byte[] message = name.Length == 0 ? [] : [0x0A, (byte)name.Length, .. name];
            _request = [0, 0, 0, 0, (byte)message.Length, .. message];
        }

        public void Dispose() => _client.Dispose();

        public async ValueTask<ProbeResult> ProbeAsync(InetAddress address, ushort port, CancellationToken cancellationToken)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, $"http://{new Endpoint(address, port)}/grpc.health.v1.Health/Check")
            {
                Version = HttpVersion.Version20,
                VersionPolicy = HttpVersionPolicy.RequestVersionExact,
                Content = new ByteArrayContent(_request),
            };
            request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/grpc");
            request.Headers.TE.ParseAdd("trailers");
            using var response = await _client.SendAsync(request, cancellationToken).ConfigureAwait(false);
            if (response.StatusCode != HttpStatusCode.OK)
            {
                return ProbeResult.Unhealthy($"HTTP status {(int)response.StatusCode}");
            }

            var answer = await response.Content.ReadAsByteArrayAsync(cancellationToken).ConfigureAwait(false);
            var code = StatusOf(response.TrailingHeaders) ?? StatusOf(response.Headers);
            if (code is not (null or "0"))
            {
                return ProbeResult.Unhealthy($"gRPC status {code}");
            }

            // HealthCheckResponse { ServingStatus status = 1; }: a status of 0 is not written.
            var status = answer is [_, _, _, _, _, 0x08, var value, ..] ? value : 0;
            return status == Serving
                ? ProbeResult.Healthy
                : ProbeResult.Unhealthy(status < Statuses.Length ? Statuses[status] : $"serving status {status}");
        }

        private static string? StatusOf(HttpResponseHeaders headers) =>
            headers.TryGetValues("grpc-status", out var values) ? values.FirstOrDefault() : null;
    }
}
