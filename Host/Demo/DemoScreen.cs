using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using Spectre.Console;

namespace ProxyFramework.Host.Demo;

/// <summary>
/// What the demo's viewer reads: a line for each thing that happens, with colours on a terminal. Connections beyond what an eye can
/// follow are counted instead, so that a load generator is not slowed down by its own echo.
/// </summary>
internal sealed class DemoScreen : IDemoAudience, IDisposable
{
    private const int ConnectionsShownEachSecond = 20;

    private readonly Lock _gate = new();
    private readonly IAnsiConsole _console;
    private readonly ConcurrentDictionary<string, string> _names = [];
    private readonly Dictionary<string, int> _uncounted = [];
    private readonly Timer _second;
    private int _shown;

    /// <summary>A screen that writes there.</summary>
    public DemoScreen(TextWriter output, bool isTerminal)
    {
        _console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Out = new AnsiConsoleOutput(output),
            Ansi = isTerminal ? AnsiSupport.Detect : AnsiSupport.No,
            ColorSystem = isTerminal ? ColorSystemSupport.Detect : ColorSystemSupport.NoColors,
            Interactive = InteractionSupport.No,
        });

        // A path must be printed whole, to be copied; wrapping is the terminal's business.
        _console.Profile.Width = 1000;
        _second = new Timer(_ => ShowCounted(), null, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1));
    }

    /// <summary>Gives an address a name.</summary>
    public void Name(IPEndPoint address, string name) => _names[address.ToString()] = name;

    /// <summary>The name and the address; just the address where it has no name.</summary>
    public string NameOf(IPEndPoint address) => NameOf(address.ToString());

    /// <inheritdoc cref="NameOf(IPEndPoint)"/>
    public string NameOf(string address) => _names.TryGetValue(address, out var name) ? $"{name} {address}" : address;

    /// <summary>Prints a line as it is.</summary>
    public void Text(string text)
    {
        lock (_gate)
        {
            _console.WriteLine(text);
        }
    }

    /// <summary>A connection was balanced.</summary>
    public void Balanced(string client, IPEndPoint endpoint) => Traffic($"{client} → ", NameOf(endpoint));

    /// <summary>An endpoint did not take a connection, which goes to another.</summary>
    public void NotBalanced(string client, IPEndPoint endpoint, string reason) =>
        Traffic($"{client} → ", $"{NameOf(endpoint)}: {reason}, so to another", "red");

    /// <inheritdoc/>
    public void RequestServed(DemoServer server, IPEndPoint address, IPEndPoint peer, string request, bool isFirstOfConnection)
    {
        // The first request of a connection has been shown with the connection, which knows the client.
        if (!isFirstOfConnection)
        {
            Traffic("(same connection) → ", NameOf(address));
        }
    }

    /// <inheritdoc/>
    public void Note(string text) => Event("yellow", text);

    /// <summary>What is proxied changed.</summary>
    public void Change(string text) => Event("cyan", text);

    /// <summary>Something did not work.</summary>
    public void Problem(string text) => Event("red", text);

    /// <inheritdoc/>
    public void Dispose()
    {
        _second.Dispose();
        ShowCounted();
    }

    private void Traffic(string before, string endpoint, string colour = "green")
    {
        lock (_gate)
        {
            if (_shown++ < ConnectionsShownEachSecond)
            {
                _console.MarkupLine($"{Now()}  {Markup.Escape(before)}[{colour}]{Markup.Escape(endpoint)}[/]");
            }
            else
            {
                _uncounted[endpoint] = _uncounted.GetValueOrDefault(endpoint) + 1;
            }
        }
    }

    private void Event(string colour, string text)
    {
        lock (_gate)
        {
            _console.MarkupLine($"{Now()}  [{colour}]{Markup.Escape(text)}[/]");
        }
    }

    private void ShowCounted()
    {
        lock (_gate)
        {
            _shown = 0;
            if (_uncounted.Count > 0)
            {
                var counts = _uncounted.OrderBy(one => one.Key, StringComparer.Ordinal)
                    .Select(one => string.Create(CultureInfo.InvariantCulture, $"{one.Value:N0} → {one.Key}"));
                _console.MarkupLine($"{Now()}  [green]and {Markup.Escape(string.Join(", ", counts))}[/]");
                _uncounted.Clear();
            }
        }
    }

    private static string Now() => DateTime.Now.ToString("HH:mm:ss", CultureInfo.InvariantCulture);
}
