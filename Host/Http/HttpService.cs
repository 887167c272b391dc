using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using ProxyFramework.Core;
using ProxyFramework.Core.Http;
using ProxyFramework.Host.CommandLine;

namespace ProxyFramework.Host.Http;

/// <summary>
/// One of the two HTTP servers of the program, from start to stop. Where its address cannot be bound it tries again and again, as
/// kube-proxy does: the proxy itself is worth more than its metrics. <c>--bind-address-hard-fail</c> makes it an error instead.
/// </summary>
/// <param name="name">For messages: <c>healthz</c> or <c>metrics</c>.</param>
/// <param name="flag">The flag that sets the address.</param>
/// <param name="address">Where to listen.</param>
/// <param name="hardFail">Whether an address that cannot be bound ends the program.</param>
/// <param name="handle">Answers each request.</param>
/// <param name="loggers">For the log.</param>
/// <param name="time">The clock.</param>
internal sealed partial class HttpService(
    string name, string flag, BindAddress address, bool hardFail, RequestDelegate handle, ILoggerFactory loggers, TimeProvider time) : IHostedService, IDisposable
{
    private static readonly TimeSpan RetryPeriod = TimeSpan.FromSeconds(5);

    private readonly ILogger _logger = loggers.CreateLogger<HttpService>();
    private readonly CancellationTokenSource _stopping = new();
    private Task<HttpServer?> _listener = Task.FromResult<HttpServer?>(null);

    /// <inheritdoc/>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        if (await TryListenAsync(isFirst: true) is { } listener)
        {
            _listener = Task.FromResult<HttpServer?>(listener);
        }
        else
        {
            _listener = RetryAsync();
        }
    }

    /// <inheritdoc/>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await _stopping.CancelAsync();
        if (await _listener is { } listener)
        {
            await listener.DisposeAsync();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _stopping.Dispose();

    private async Task<HttpServer?> RetryAsync()
    {
        while (!_stopping.IsCancellationRequested)
        {
            await Task.Delay(RetryPeriod, time, _stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (!_stopping.IsCancellationRequested && await TryListenAsync(isFirst: false) is { } listener)
            {
                return listener;
            }
        }

        return null;
    }

    private async Task<HttpServer?> TryListenAsync(bool isFirst)
    {
        try
        {
            var listener = await HttpServer.StartAsync(address.ListenOn, handle, loggers, _stopping.Token);
            Log.Listening(_logger, name, listener.Url);
            return listener;
        }
        catch (IOException error) when (hardFail)
        {
            throw new ProxyStartException(
                ProxyExitCode.Failure, $"{flag}: cannot listen on {address}: {error.Message}; free it, choose another, or leave out --bind-address-hard-fail", error);
        }
        catch (IOException error)
        {
            if (isFirst)
            {
                Log.CannotListen(_logger, name, address, flag, error.Message);
            }

            return null;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Information, "{Name} at {Url}")]
        public static partial void Listening(ILogger logger, string name, string url);

        [LoggerMessage(2, LogLevel.Error, "{Name}: cannot listen on {Address} ({Flag}), trying again every 5 s: {Reason}")]
        public static partial void CannotListen(ILogger logger, string name, BindAddress address, string flag, string reason);
    }
}
