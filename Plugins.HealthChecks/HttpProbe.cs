using System.Globalization;
using System.Net.Security;

namespace ProxyFramework.Plugins.HealthChecks;

/// <summary>
/// Asks for a page over a connection of its own. Options: <c>path</c> (<c>/</c>), <c>host</c> (the Host header, and the name in TLS), <c>status</c>
/// (<c>200</c> or <c>200-399</c>, which is what it is unless given, as the kubelet's), <c>body</c> (a text that the first 64 KiB contain),
/// <c>header</c> (<c>Name</c> or <c>Name: text</c>, a header of the answer). Redirects are not followed.
/// </summary>
internal sealed class HttpProbe : IHealthProbe, IDisposable
{
    public static readonly string[] Options = ["path", "host", "status", "body", "header"];

    private const int LongestBody = 64 * 1024;

    private readonly HttpMessageInvoker _client;
    private readonly string _scheme;
    private readonly string _path;
    private readonly string? _host;
    private readonly string? _body;
    private readonly string? _headerName;
    private readonly string _headerText = "";
    private readonly int _leastStatus;
    private readonly int _greatestStatus;

    public HttpProbe(string scheme, OptionReader options)
    {
        _scheme = scheme;
        _path = options.Text("path") ?? "/";
        if (!_path.StartsWith('/'))
        {
            throw new ArgumentException($"path: '{_path}' does not start with /");
        }

        _host = options.Text("host");
        if (_host is not null && Uri.CheckHostName(_host) == UriHostNameType.Unknown)
        {
            throw new ArgumentException($"host: '{_host}' is not a host name");
        }

        _body = options.Text("body");
        (_leastStatus, _greatestStatus) = ReadStatus(options.Text("status") ?? "200-399");
        if (options.Text("header") is { } header)
        {
            var colon = header.IndexOf(':', StringComparison.Ordinal);
            _headerName = colon < 0 ? header : header[..colon].Trim();
            _headerText = colon < 0 ? "" : header[(colon + 1)..].Trim();
        }

        _client = new HttpMessageInvoker(MakeHandler(verify: scheme == "https" && options.Flag("verify")));
    }

    public void Dispose() => _client.Dispose();

    public async ValueTask<ProbeResult> ProbeAsync(InetAddress address, ushort port, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, $"{_scheme}://{new Endpoint(address, port)}{_path}");
        request.Headers.Host = _host;
        request.Headers.ConnectionClose = true;
        request.Headers.TryAddWithoutValidation("User-Agent", "svcproxy-health-check");
        using var response = await _client.SendAsync(request, cancellationToken).ConfigureAwait(false);
        var status = (int)response.StatusCode;
        if (status < _leastStatus || status > _greatestStatus)
        {
            return ProbeResult.Unhealthy(string.Create(CultureInfo.InvariantCulture, $"status {status}, and not {_leastStatus}-{_greatestStatus}"));
        }

        if (_headerName is not null && !HasHeader(response))
        {
            return ProbeResult.Unhealthy($"there is no header {_headerName} with the text expected");
        }

        return _body is null || await HasBodyAsync(response, _body, cancellationToken).ConfigureAwait(false)
            ? ProbeResult.Healthy
            : ProbeResult.Unhealthy("the body does not contain the text expected");
    }

    /// <summary>One connection for each probe: that new ones are accepted is what is asked.</summary>
    private static SocketsHttpHandler MakeHandler(bool verify)
    {
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            UseProxy = false,
            PooledConnectionLifetime = TimeSpan.Zero,
            ActivityHeadersPropagator = null,
        };
        if (!verify)
        {
#pragma warning disable CA5359 // The class says why.
            handler.SslOptions = new SslClientAuthenticationOptions { RemoteCertificateValidationCallback = static (_, _, _, _) => true };
#pragma warning restore CA5359
        }

        return handler;
    }

    private static (int Least, int Greatest) ReadStatus(string text)
    {
        var ends = text.Split('-', 2);
        return int.TryParse(ends[0], NumberStyles.None, CultureInfo.InvariantCulture, out var least)
            && int.TryParse(ends[^1], NumberStyles.None, CultureInfo.InvariantCulture, out var greatest)
            && least is >= 100 and <= 999 && greatest >= least && greatest <= 999
            ? (least, greatest)
            : throw new ArgumentException($"status: '{text}' is neither a status nor a range such as 200-299");
    }

    private bool HasHeader(HttpResponseMessage response) =>
        (response.Headers.TryGetValues(_headerName!, out var values) || response.Content.Headers.TryGetValues(_headerName!, out values))
        && values.Any(value => value.Contains(_headerText, StringComparison.OrdinalIgnoreCase));

    private static async ValueTask<bool> HasBodyAsync(HttpResponseMessage response, string text, CancellationToken cancellationToken)
    {
        var stream = await response.Content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false);
        await using (stream.ConfigureAwait(false))
        {
            var body = new byte[LongestBody];
            var length = await stream.ReadAtLeastAsync(body, body.Length, throwOnEndOfStream: false, cancellationToken).ConfigureAwait(false);
            return System.Text.Encoding.UTF8.GetString(body, 0, length).Contains(text, StringComparison.Ordinal);
        }
    }
}
