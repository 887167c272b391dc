using System.CommandLine;
using Microsoft.Extensions.Logging;

namespace ProxyFramework.Host.CommandLine;

/// <summary>How much is logged, and how.</summary>
/// <param name="Level">klog's level: 0 and up.</param>
/// <param name="IsJson">Whether each line is a JSON object.</param>
internal sealed record LoggingSettings(int Level, bool IsJson)
{
    /// <summary>klog's levels as levels of this platform: 0…3 say what an operator needs, 4 and 5 what happens, 6 and more everything.</summary>
    public LogLevel MinimumLevel => Level switch
    {
        < 4 => LogLevel.Information,
        < 6 => LogLevel.Debug,
        _ => LogLevel.Trace,
    };

    /// <summary>Whether stack traces are shown.</summary>
    public bool ShowsStackTraces => Level >= 4;
}

/// <summary>The flags about logging, which most commands have.</summary>
internal sealed class LoggingFlags
{
    private readonly Option<int> _verbosity = Flag.Level(
        "-v", "How much is logged: 0 what an operator needs, 4 what happens (Debug), 6 everything (Trace)", 0, "--v");

    private readonly Option<string> _format = Flag.OneOf("--logging-format", "The form of log lines on stderr", "text", ("text", "text"), ("json", "json"));

    /// <summary>Gives the flags to a command.</summary>
    public void AddTo(Command command)
    {
        command.AddFlags("Log", _format, _verbosity);
    }

    /// <summary>Reads them.</summary>
    public LoggingSettings Read(ParseResult parsed) => new(parsed.GetValue(_verbosity), parsed.GetValue(_format) == "json");
}
