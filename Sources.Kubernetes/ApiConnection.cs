using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using k8s;
using k8s.Authentication;

namespace ProxyFramework.Sources.Kubernetes;

/// <summary>
/// HTTP to one API server with one set of credentials. <c>k8s.Kubernetes</c> would do the same; but it is one class with every operation of the
/// API, which takes 30 MB of memory before the first request. So its configuration and its credentials are used, and its client is not.
/// </summary>
internal sealed class ApiConnection : IDisposable
{
    private static readonly MediaTypeWithQualityHeaderValue Json = new("application/json");

    private readonly HttpClient _client;
    private readonly ServiceClientCredentials? _credentials;

    /// <summary>A connection that is made with the first request.</summary>
    /// <param name="configuration">Where to, and who we are.</param>
    /// <param name="limit">For how long a connection may be quiet before it has to answer a ping, and may take to be made.</param>
    public ApiConnection(KubernetesClientConfiguration configuration, TimeSpan limit)
    {
        Address = new Uri(configuration.Host);
        var handler = new SocketsHttpHandler
        {
            // As client-go: a connection that has been quiet must answer a ping, or it is dead however alive it looks.
            KeepAlivePingPolicy = HttpKeepAlivePingPolicy.WithActiveRequests,
            KeepAlivePingDelay = AtLeastOneSecond(limit),
            KeepAlivePingTimeout = AtLeastOneSecond(limit / 2),
            ConnectTimeout = limit,
            SslOptions = Tls(configuration),
        };
        _client = new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan };
        _client.DefaultRequestHeaders.UserAgent.ParseAdd(configuration.UserAgent);
        _credentials = configuration switch
        {
            { TokenProvider: { } provider } => new TokenCredentials(provider),
            { AccessToken.Length: > 0 } => new TokenCredentials(configuration.AccessToken),
            { Username.Length: > 0 } => new BasicAuthenticationCredentials { UserName = configuration.Username, Password = configuration.Password },
            _ => null,
        };
    }

    /// <summary>Where it leads.</summary>
    public Uri Address { get; }

    /// <summary>Asks for something; returns with the head of the answer.</summary>
    public async Task<HttpResponseMessage> GetAsync(string url, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(Address, Address.AbsolutePath.TrimEnd('/') + url))
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionOrLower,
        };
        request.Headers.Accept.Add(Json);
        if (_credentials is not null)
        {
            await _credentials.ProcessHttpRequestAsync(request, cancellationToken).ConfigureAwait(false);
        }

        return await _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public void Dispose() => _client.Dispose();

    private static SslClientAuthenticationOptions Tls(KubernetesClientConfiguration configuration)
    {
        var options = new SslClientAuthenticationOptions();
        if (!string.IsNullOrEmpty(configuration.TlsServerName))
        {
            options.TargetHost = configuration.TlsServerName;
        }

        if (configuration.SkipTlsVerify)
        {
#pragma warning disable CA5359 // The operator's kubeconfig says insecure-skip-tls-verify.
            options.RemoteCertificateValidationCallback = (_, _, _, _) => true;
#pragma warning restore CA5359
        }
        else if (configuration.SslCaCerts is { Count: > 0 } authorities)
        {
            // The cluster's authorities and no others, whatever this machine trusts.
            var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            policy.CustomTrustStore.AddRange(authorities);
            options.CertificateChainPolicy = policy;
        }

        if (ClientCertificate(configuration) is { } certificate)
        {
            options.ClientCertificateContext = SslStreamCertificateContext.Create(certificate, null, offline: true);
        }

        return options;
    }

    private static X509Certificate2? ClientCertificate(KubernetesClientConfiguration configuration)
    {
        var certificate = Pem(configuration.ClientCertificateData, configuration.ClientCertificateFilePath);
        var key = Pem(configuration.ClientCertificateKeyData, configuration.ClientKeyFilePath);
        return certificate is null || key is null ? null : X509Certificate2.CreateFromPem(certificate, key);
    }

    private static string? Pem(string? data, string? path) =>
        !string.IsNullOrWhiteSpace(data) ? Encoding.UTF8.GetString(Convert.FromBase64String(data))
        : !string.IsNullOrWhiteSpace(path) ? File.ReadAllText(path)
        : null;

    // As the handler wants it.
    private static TimeSpan AtLeastOneSecond(TimeSpan time) => time < TimeSpan.FromSeconds(1) ? TimeSpan.FromSeconds(1) : time;
}
