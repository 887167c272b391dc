using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;
using ProxyFramework.Host.CommandLine;

namespace ProxyFramework.Host.Logging;

/// <summary>Sends the log to stderr, as text or as JSON, so that stdout is left to what commands print.</summary>
internal static class LoggingSetup
{
    /// <summary>Sets up logging as the flags say.</summary>
    /// <param name="logging">What to set up.</param>
    /// <param name="settings">The flags.</param>
    /// <param name="configuration">Its section <c>Logging</c> can set the level of single categories.</param>
    public static ILoggingBuilder AddStandardError(this ILoggingBuilder logging, LoggingSettings settings, IConfiguration? configuration = null)
    {
        logging.SetMinimumLevel(settings.MinimumLevel);

        // The libraries' own news (each HTTP request, each start of a hosted service) is noise below -v 6.
        foreach (var library in new[] { "Microsoft", "System" })
        {
            logging.AddFilter(library, settings.MinimumLevel == LogLevel.Trace ? LogLevel.Debug : LogLevel.Warning);
        }

        // A failure to start, or of the proxy itself, ends the program, and its message is the last line of it: once is enough.
        logging.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.None);
        if (configuration is not null)
        {
            logging.AddConfiguration(configuration.GetSection("Logging"));
        }

        logging.AddConsoleFormatter<LineFormatter, LineFormatterOptions>(options => options.ShowsStackTraces = settings.ShowsStackTraces);
        logging.AddJsonConsole(options =>
        {
            options.UseUtcTimestamp = true;
            options.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffZ";
        });
        logging.Services.Configure<ConsoleLoggerOptions>(options =>
        {
            options.LogToStandardErrorThreshold = LogLevel.Trace;
            options.FormatterName = settings.IsJson ? ConsoleFormatterNames.Json : LineFormatter.FormatterName;
        });
        return logging;
    }
}
