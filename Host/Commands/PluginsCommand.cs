using System.CommandLine;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using ProxyFramework.Core;
using ProxyFramework.Core.Plugins;
using ProxyFramework.Host.CommandLine;
using ProxyFramework.Host.Logging;
using Spectre.Console;

namespace ProxyFramework.Host.Commands;

/// <summary><c>svcproxy plugins</c>: what was found, and what this node can run.</summary>
internal static class PluginsCommand
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>The command.</summary>
    public static Command Create()
    {
        var output = Flag.OneOf("--output", "The form of the list", "text", ("text", "text"), ("json", "json"));
        var plugins = new PluginFlags();
        var logging = new LoggingFlags();
        var command = new Command("plugins", "List the plugins that were found, and whether this node supports their backends");
        command.AddFlags("Output", output);
        plugins.AddTo(command);
        logging.AddTo(command);
        command.SetAction(async (parsed, cancellation) =>
        {
            var options = new ServiceProxyOptions();
            plugins.Read(parsed, options);
            var report = await WriteAsync(options, logging.Read(parsed), parsed.GetValue(output) == "json", cancellation);
            return report.UnreadableFolders.IsEmpty
                ? (int)ProxyExitCode.Success
                : throw new ProxyStartException(ProxyExitCode.Plugin, string.Join("; ", report.UnreadableFolders));
        });
        return command;
    }

    private static async Task<PluginReport> WriteAsync(ServiceProxyOptions options, LoggingSettings logging, bool asJson, CancellationToken cancellation)
    {
        // The list says everything that the log would say of plugins: log only where more is asked for.
        using var loggers = logging.MinimumLevel < LogLevel.Information
            ? LoggerFactory.Create(builder => builder.AddStandardError(logging))
            : (ILoggerFactory)NullLoggerFactory.Instance;
        var report = await PluginReport.CreateAsync(
            new PluginCatalogOptions { Directories = [.. options.PluginDirectories], AllowInsecure = options.AllowInsecurePlugins },
            loggers,
            cancellation);
        if (asJson)
        {
            Console.Out.WriteLine(JsonSerializer.Serialize(report, Json));
        }
        else if (Console.IsOutputRedirected)
        {
            PluginTable.WriteText(report, Console.Out);
        }
        else
        {
            PluginTable.WriteTable(report, AnsiConsole.Console);
        }

        return report;
    }
}
