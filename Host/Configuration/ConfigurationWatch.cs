using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace ProxyFramework.Host.Configuration;

/// <summary>
/// Ends the program when its configuration file changes, as kube-proxy does, so that whoever runs it starts it with the new one; but not for a file
/// that it could not be started with. What is in force stays in force meanwhile. Looks every few seconds: a ConfigMap is swapped by links.
/// </summary>
internal sealed partial class ConfigurationWatch(string path, IHostApplicationLifetime lifetime, ILogger<ConfigurationWatch> logger) : BackgroundService
{
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(3);

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var known = await ReadAsync(stoppingToken);
        using var timer = new PeriodicTimer(Period);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            // While it is being replaced there may be none, or half of one.
            if (await ReadAsync(stoppingToken) is not { } text || text == known)
            {
                continue;
            }

            known = text;
            if (ConfigurationFile.Read(path).Problems is [var problem, ..])
            {
                Log.Broken(logger, path, problem);
                continue;
            }

            Log.Changed(logger, path);
            lifetime.StopApplication();
            return;
        }
    }

    private async Task<string?> ReadAsync(CancellationToken cancellation)
    {
        try
        {
            return await File.ReadAllTextAsync(path, cancellation);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Information, "{Path} has changed: ending, to be started again with it. What is in force stays in force.")]
        public static partial void Changed(ILogger logger, string path);

        [LoggerMessage(2, LogLevel.Error, "{Path} has changed and cannot be used, so this goes on without it: {Problem}")]
        public static partial void Broken(ILogger logger, string path, string problem);
    }
}
