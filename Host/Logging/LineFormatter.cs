using System.Globalization;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Console;
using Microsoft.Extensions.Options;

namespace ProxyFramework.Host.Logging;

/// <summary>
/// One event, one line: <c>2026-01-31T10:15:00.123Z info  SyncLoop: message</c>. An exception adds its message to that line, and
/// its stack trace below only where asked for.
/// </summary>
internal sealed class LineFormatter(IOptions<LineFormatterOptions> options) : ConsoleFormatter(FormatterName)
{
    /// <summary>What the console logger knows it by.</summary>
    public const string FormatterName = "line";

    private readonly LineFormatterOptions _options = options.Value;

    /// <inheritdoc/>
    public override void Write<TState>(in LogEntry<TState> logEntry, IExternalScopeProvider? scopeProvider, TextWriter textWriter)
    {
        textWriter.Write(DateTime.UtcNow.ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture));
        textWriter.Write(logEntry.LogLevel switch
        {
            LogLevel.Trace => " trace ",
            LogLevel.Debug => " debug ",
            LogLevel.Information => " info  ",
            LogLevel.Warning => " warn  ",
            LogLevel.Error => " error ",
            _ => " fatal ",
        });
        textWriter.Write(logEntry.Category.AsSpan(logEntry.Category.LastIndexOf('.') + 1));
        textWriter.Write(": ");
        WriteOnOneLine(textWriter, logEntry.Formatter(logEntry.State, logEntry.Exception));
        if (logEntry.Exception is { } exception)
        {
            textWriter.Write(": ");
            WriteOnOneLine(textWriter, exception.Message);
            if (_options.ShowsStackTraces)
            {
                textWriter.WriteLine();
                textWriter.Write(exception);
            }
        }

        textWriter.WriteLine();
    }

    // A message can carry text from outside (a manifest, a plugin): a line feed in it must not look like another event.
    private static void WriteOnOneLine(TextWriter writer, string text) =>
        writer.Write(text.AsSpan().ContainsAny('\r', '\n') ? text.ReplaceLineEndings(" ") : text);
}

/// <summary>How <see cref="LineFormatter"/> writes.</summary>
internal sealed class LineFormatterOptions : ConsoleFormatterOptions
{
    /// <summary>Whether stack traces follow the line of an event with an exception.</summary>
    public bool ShowsStackTraces { get; set; }
}
