using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace ProxyFramework.Behaviour.Testbed;

/// <summary>An established TCP connection that requests are sent over, one after the other.</summary>
public sealed class Connection : IDisposable
{
    private readonly Socket _socket;
    private readonly string _attempt;

    public Connection(Socket socket, string attempt)
    {
        _socket = socket;
        _attempt = attempt;
    }

    /// <summary>Asks the server for its name. An ended connection is an outcome, not an exception.</summary>
    public async Task<Outcome> AskAsync(TimeSpan? patience = null)
    {
        using var deadline = new CancellationTokenSource(patience ?? Place.Patience);
        try
        {
            await _socket.SendAsync("GET / HTTP/1.1\r\nHost: identity\r\n\r\n"u8.ToArray(), deadline.Token);
            var (_, body) = await ReadResponseAsync(deadline.Token);
            return body.Length == 0 ? Outcome.Of(OutcomeKind.Closed, _attempt) : Outcome.Parse(body, _attempt);
        }
        catch (OperationCanceledException)
        {
            return Outcome.Of(OutcomeKind.Silent, _attempt);
        }
        catch (SocketException exception)
        {
            return Outcome.Of(exception.SocketErrorCode == SocketError.ConnectionRefused ? OutcomeKind.Closed : Outcome.Of(exception, _attempt).Kind, _attempt);
        }
    }

    /// <summary>Sends a request and reads the whole response.</summary>
    /// <returns>The status line and headers, and the body; both empty where the connection ended before.</returns>
    public async Task<(string Head, string Body)> SendAsync(string request)
    {
        using var deadline = new CancellationTokenSource(Place.Patience);
        await _socket.SendAsync(Encoding.ASCII.GetBytes(request), deadline.Token);
        return await ReadResponseAsync(deadline.Token);
    }

    /// <summary>Sends bytes, closes this half, and reads how many the server counted.</summary>
    public async Task<long> UploadAsync(int bytes)
    {
        using var deadline = new CancellationTokenSource(Pace.Limit(20));
        await _socket.SendAsync("POST /count HTTP/1.1\r\nHost: identity\r\n\r\n"u8.ToArray(), deadline.Token);
        var chunk = new byte[Math.Min(bytes, 65536)];
        for (var left = bytes; left > 0;)
        {
            left -= await _socket.SendAsync(chunk.AsMemory(0, Math.Min(left, chunk.Length)), deadline.Token);
        }

        _socket.Shutdown(SocketShutdown.Send);
        var (_, body) = await ReadResponseAsync(deadline.Token);
        return long.Parse(body, CultureInfo.InvariantCulture);
    }

    public void Dispose() => _socket.Dispose();

    private async Task<(string Head, string Body)> ReadResponseAsync(CancellationToken cancellationToken)
    {
        var buffer = new byte[65536];
        using var received = new MemoryStream();
        while (true)
        {
            var text = Encoding.ASCII.GetString(received.GetBuffer(), 0, (int)received.Length);
            var headEnd = text.IndexOf("\r\n\r\n", StringComparison.Ordinal);
            if (headEnd >= 0 && ContentLength(text[..headEnd]) is { } length && received.Length >= headEnd + 4 + length)
            {
                return (text[..headEnd], text[(headEnd + 4)..]);
            }

            var count = await _socket.ReceiveAsync(buffer, cancellationToken);
            if (count == 0)
            {
                return headEnd < 0 ? ("", "") : (text[..headEnd], IsChunked(text[..headEnd]) ? Unchunk(text[(headEnd + 4)..]) : text[(headEnd + 4)..]);
            }

            received.Write(buffer, 0, count);
        }
    }

    private static bool IsChunked(string head) => head.Contains("\r\ntransfer-encoding: chunked", StringComparison.OrdinalIgnoreCase);

    /// <summary>RFC 9112 §7.1.</summary>
    private static string Unchunk(string body)
    {
        var whole = new StringBuilder();
        for (var at = 0; at < body.Length;)
        {
            var line = body.IndexOf("\r\n", at, StringComparison.Ordinal);
            var size = int.Parse(body.AsSpan(at, line - at), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            if (size == 0)
            {
                break;
            }

            whole.Append(body, line + 2, size);
            at = line + 2 + size + 2;
        }

        return whole.ToString();
    }

    private static int? ContentLength(string head)
    {
        const string Header = "\r\ncontent-length:";
        var at = head.IndexOf(Header, StringComparison.OrdinalIgnoreCase);
        return at < 0 ? null : int.Parse(head[(at + Header.Length)..].Split("\r\n")[0].Trim(), CultureInfo.InvariantCulture);
    }
}
