using System.Net.Sockets;
using System.Text;

namespace ProxyFramework.Behaviour.Testbed;

/// <summary>A UDP client with one source port: connection tracking sees all its datagrams as one flow.</summary>
public sealed class Flow : IDisposable
{
    private readonly Socket _socket;
    private readonly string _attempt;

    public Flow(Socket socket, string attempt)
    {
        _socket = socket;
        _attempt = attempt;
    }

    /// <summary>Sends a datagram and waits for its answer.</summary>
    public async Task<Outcome> AskAsync(TimeSpan? patience = null)
    {
        using var deadline = new CancellationTokenSource(patience ?? Place.Patience);
        try
        {
            // An ICMP error for an earlier question is not an answer to this one; reading it clears it.
            _socket.GetSocketOption(SocketOptionLevel.Socket, SocketOptionName.Error);

            // Answers to earlier questions that came too late are not answers to this one.
            while (_socket.Available > 0)
            {
                await _socket.ReceiveAsync(new byte[2048], deadline.Token);
            }

            await _socket.SendAsync("who?"u8.ToArray(), deadline.Token);
            var buffer = new byte[2048];
            var count = await _socket.ReceiveAsync(buffer, deadline.Token);
            return Outcome.Parse(Encoding.ASCII.GetString(buffer, 0, count), _attempt);
        }
        catch (OperationCanceledException)
        {
            return Outcome.Of(OutcomeKind.Silent, _attempt);
        }
        catch (SocketException exception)
        {
            return Outcome.Of(exception, _attempt);
        }
    }

    public void Dispose() => _socket.Dispose();
}
