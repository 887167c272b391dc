using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using Spectre.Console;

namespace ProxyFramework.Host.Demo;

/// <summary>
/// What the demo's viewer reads: a line for each thing that happens, with colours on a terminal. More requests than an eye can follow
/// become one line a second, so that a load generator is not slowed down by its own echo.
/// </summary>
internal sealed class DemoScreen : IDemoAudience, IDisposable
{
    private const int ShownEachSecond = 20;

    private readonly Lock _gate = new();
    private readonly IAnsiConsole _console;
    private readonly bool _isTerminal;
    private readonly ConcurrentDictionary<IPEndPoint, string> _names = [];

    /// <summary>The clients by the proxy's own sockets, which is all that a server sees. As many as there are ports, at most, for each server.</summary>
    private readonly ConcurrentDictionary<(IPEndPoint Server, IPEndPoint Source), string> _clients = [];

    private readonly SortedDictionary<string, int> _counted = new(StringComparer.Ordinal);
    private readonly Timer _second;
    private int _inThisSecond;
    private bool _onlyCounts;

    /// <summary>A screen that writes there.</summary>
    public DemoScreen(TextWriter output, bool isTerminal)
    {
        _isTerminal = isTerminal;
        _console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Out = new AnsiConsoleOutput(output),
            Ansi = isTerminal ? AnsiSupport.Detect : AnsiSupport.No,
            ColorSystem = isTerminal ? ColorSystemSupport.Detect : ColorSystemSupport.NoColors,
            Interactive = InteractionSupport.No,
        });

        // A path must be printed whole, to be copied; wrapping is the terminal's business.
        _console.Profile.Width = 1000;
        _second = new Timer(_ => EndSecond(), null, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1));
    }

    /// <summary>Gives a server's address a name.</summary>
    public void Name(IPEndPoint address, string name) => _names[address] = name;

    /// <summary>The name and the address; just the address where it has no name.</summary>
    public string NameOf(IPEndPoint address) => _names.TryGetValue(address, out var name) ? $"{name} {address}" : address.ToString();

    /// <summary>Prints a line of the introduction.</summary>
    /// <param name="heading">What it is about; empty where it goes on from the line before.</param>
    /// <param name="text">The text.</param>
    /// <param name="isToTry">Whether it is something to be copied.</param>
    public void Introduce(string heading = "", string text = "", bool isToTry = false)
    {
        lock (_gate)
        {
            _console.MarkupLine($"  [bold]{Markup.Escape(heading),-8}[/]  {(isToTry ? "[green]" : "[default]")}{Markup.Escape(text)}[/]".TrimEnd());
        }
    }

    /// <summary>A connection, or a flow of UDP, was balanced.</summary>
    /// <param name="client">Who came.</param>
    /// <param name="endpoint">Who got it.</param>
    /// <param name="source">From where the endpoint sees it come; null where that is not known.</param>
    public void Balanced(string client, IPEndPoint endpoint, IPEndPoint? source)
    {
        if (source is not null && _names.ContainsKey(endpoint))
        {
            // One of the demo's own servers: it tells of each request that comes over the connection.
            _clients[(endpoint, source)] = client;
            return;
        }

        Traffic(endpoint, client);
    }

    /// <summary>An endpoint did not take a connection, which goes to another.</summary>
    public void NotBalanced(string client, IPEndPoint endpoint, string reason) => Traffic(endpoint, client, reason + ", so to another", failed: true);

    /// <inheritdoc/>
    public void RequestServed(IPEndPoint address, IPEndPoint peer, string request) =>
        Traffic(address, _clients.TryGetValue((address, peer), out var client) ? client : $"{peer} (not through the proxy)", request);

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
        EndSecond();
        if (_isTerminal)
        {
            // The terminal has echoed ^C: what follows belongs on a line of its own.
            _console.WriteLine();
        }
    }

    private void Traffic(IPEndPoint endpoint, string client, string remark = "", bool failed = false)
    {
        lock (_gate)
        {
            if (_inThisSecond++ < ShownEachSecond && !_onlyCounts)
            {
                var colour = failed ? "red" : "green";
                _console.MarkupLine($"{Now()}  {Markup.Escape(client)} → [{colour}]{Markup.Escape(NameOf(endpoint))}[/]  {Markup.Escape(remark)}".TrimEnd());
                return;
            }

            var name = (_names.GetValueOrDefault(endpoint) ?? endpoint.ToString()) + (failed ? " refused" : "");
            _counted[name] = _counted.GetValueOrDefault(name) + 1;
        }
    }

    private void Event(string colour, string text)
    {
        lock (_gate)
        {
            _console.MarkupLine($"{Now()}  [{colour}]{Markup.Escape(text)}[/]");
        }
    }

    private void EndSecond()
    {
        lock (_gate)
        {
            if (_counted.Count > 0)
            {
                var counts = string.Join(", ", _counted.Select(one => string.Create(CultureInfo.InvariantCulture, $"{one.Key} {one.Value:N0}")));
                _console.MarkupLine($"{Now()}  {(_onlyCounts ? "in this second" : "and")} → [green]{Markup.Escape(counts)}[/]");
                _counted.Clear();
            }

            _onlyCounts = _inThisSecond > ShownEachSecond;
            _inThisSecond = 0;
        }
    }

    private static string Now() => DateTime.Now.ToString("HH:mm:ss", CultureInfo.InvariantCulture);
}
