using System.Net;
using System.Text.Json;
using Microsoft.Extensions.Logging;

namespace ProxyFramework.Sources.Kubernetes;

/// <summary>
/// Requests to the API server. Configuration and credentials are KubernetesClient's; bodies come as streams and are nobody's business
/// here. Where the server does not accept who we are, or we not who it is, the configuration is read anew: certificates get rotated, and
/// kubeconfigs replaced. Safe to use from several threads.
/// </summary>
internal sealed partial class ApiServer(KubernetesSourceOptions options, ILogger logger) : IDisposable
{
    private static readonly TimeSpan LeastBetweenReloads = TimeSpan.FromSeconds(1);

    /// <summary>More of an error's body says nothing more.</summary>
    private const int MaxErrorLength = 64 * 1024;

    private readonly Lock _gate = new();
    private ApiConnection _connection = Connect(options);
    private long _loaded = Environment.TickCount64;

    /// <summary>Where it is.</summary>
    public Uri Address => _connection.Address;

    /// <summary>Finds out whether the configuration can be used, without asking the server.</summary>
    /// <exception cref="InvalidKubeconfigException">It cannot.</exception>
    public static void Check(KubernetesSourceOptions options) => Connect(options).Dispose();

    /// <summary>Asks for something whose answer is read as it comes.</summary>
    /// <param name="url">Relative to the server's address.</param>
    /// <param name="cancellationToken">Ends it, the body included.</param>
    /// <returns>The answer, a success.</returns>
    /// <exception cref="ApiServerException">The answer is an error.</exception>
    /// <exception cref="HttpRequestException">There is no answer.</exception>
    /// <exception cref="TimeoutException">There is none in time.</exception>
    public async Task<HttpResponseMessage> GetAsync(string url, CancellationToken cancellationToken)
    {
        var connection = _connection;
        using var late = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        late.CancelAfter(options.ResponseTimeout);
        try
        {
            var response = await connection.GetAsync(url, late.Token).ConfigureAwait(false);
            if (response.IsSuccessStatusCode)
            {
                return response;
            }

            using (response)
            {
                if (response.StatusCode == HttpStatusCode.Unauthorized)
                {
                    Reload(connection);
                }

                throw await ErrorOfAsync(response, late.Token).ConfigureAwait(false);
            }
        }
        catch (HttpRequestException error) when (error.HttpRequestError == HttpRequestError.SecureConnectionError)
        {
            Reload(connection);
            throw;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new TimeoutException($"the API server has not answered within {options.ResponseTimeout.TotalSeconds:0.#} s");
        }
    }

    /// <summary>An error from the Status object that the server describes it with (<c>meta/v1</c>).</summary>
    public static ApiServerException ErrorOf(ReadOnlySpan<byte> status, HttpStatusCode code, string? phrase, TimeSpan? retryAfter)
    {
        string reason = "", message = "";
        try
        {
            var reader = new Utf8JsonReader(status);
            using var document = JsonDocument.ParseValue(ref reader);
            if (document.RootElement.ValueKind == JsonValueKind.Object)
            {
                reason = Text(document.RootElement, "reason");
                message = Text(document.RootElement, "message");
                if (document.RootElement.TryGetProperty("code", out var number) && number.TryGetInt32(out var value) && value is >= 400 and < 600)
                {
                    code = (HttpStatusCode)value;
                }
            }
        }
        catch (JsonException)
        {
            // Something in between answered, in its own words.
            message = System.Text.Encoding.UTF8.GetString(status[..Math.Min(status.Length, 200)]).ReplaceLineEndings(" ").Trim();
        }

        return new ApiServerException(code, reason.Length > 0 ? reason : phrase ?? code.ToString(), message, retryAfter);
    }

    /// <inheritdoc/>
    public void Dispose() => _connection.Dispose();

    private static async Task<ApiServerException> ErrorOfAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        var body = new byte[MaxErrorLength];
        var stream = await response.Content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false);
        await using (stream.ConfigureAwait(false))
        {
            var length = await stream.ReadAtLeastAsync(body, body.Length, throwOnEndOfStream: false, cancellationToken).ConfigureAwait(false);
            return ErrorOf(body.AsSpan(0, length), response.StatusCode, response.ReasonPhrase, RetryAfterOf(response));
        }
    }

    private static TimeSpan? RetryAfterOf(HttpResponseMessage response) => response.Headers.RetryAfter switch
    {
        { Delta: { } delta } => delta,
        { Date: { } date } when date - DateTimeOffset.UtcNow is { Ticks: > 0 } wait => wait,
        _ => null,
    };

    private static string Text(JsonElement element, string name) =>
        element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString()! : "";

    private static ApiConnection Connect(KubernetesSourceOptions options)
    {
        try
        {
            return new(ClientConfiguration.Load(options), options.ResponseTimeout);
        }
        catch (Exception error) when (error is not InvalidKubeconfigException)
        {
            throw ClientConfiguration.Unusable(options, error);
        }
    }

    // Watches over the old connection go on until they end; it is not disposed of, so that they can.
    private void Reload(ApiConnection refused)
    {
        lock (_gate)
        {
            if (_connection != refused || Environment.TickCount64 - _loaded < LeastBetweenReloads.TotalMilliseconds)
            {
                return;
            }

            _loaded = Environment.TickCount64;
            try
            {
                _connection = Connect(options);
                Log.Reloaded(logger);
            }
            catch (InvalidKubeconfigException problem)
            {
                // It is being replaced, perhaps. The old one is kept until there is a good one.
                Log.CannotReload(logger, problem.Message);
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Information, "The API server and this proxy do not accept each other; the credentials have been read anew.")]
        public static partial void Reloaded(ILogger logger);

        [LoggerMessage(2, LogLevel.Warning, "The API server and this proxy do not accept each other, and the credentials cannot be read anew: {Problem}")]
        public static partial void CannotReload(ILogger logger, string problem);
    }
}
