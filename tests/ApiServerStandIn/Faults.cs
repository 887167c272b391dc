using Microsoft.AspNetCore.Http;

namespace ProxyFramework.ApiServerStandIn;

/// <summary>What goes wrong, on demand.</summary>
public sealed class Faults
{
    private readonly Lock _gate = new();
    private readonly List<Answer> _answers = [];
    private int _truncations;

    /// <summary>Whether the server knows streaming lists (KEP-3157); without, it refuses them as servers before 1.27 do.</summary>
    public bool HasStreamingLists { get; set; } = true;

    /// <summary>Whether requests need a client certificate of this server's CA, or a token of <see cref="Tokens"/>.</summary>
    public bool RequiresAuthentication { get; set; }

    /// <summary>The tokens that are accepted.</summary>
    public HashSet<string> Tokens { get; } = [];

    /// <summary>Whether an expired version is told by the status of the response, and not by an event.</summary>
    public bool TellsExpiryByStatus { get; set; }

    /// <summary>Called for each page of a list before it is sent, with the number of the page.</summary>
    public Action<int>? BeforePage { get; set; }

    /// <summary>Answers the next requests that match with a failure.</summary>
    public void Refuse(Func<HttpRequest, bool> match, int code, string reason, string message, int times = 1, string? retryAfter = null) =>
        Replace(match, times, response =>
        {
            if (retryAfter is not null)
            {
                response.Headers.RetryAfter = retryAfter;
            }

            response.StatusCode = code;
            response.ContentType = "application/json";
            return response.WriteAsync(ApiErrorException.Status(code, reason, message).ToJsonString());
        });

    /// <summary>Answers the next requests that match in its own way.</summary>
    public void Replace(Func<HttpRequest, bool> match, int times, Func<HttpResponse, Task> answer)
    {
        lock (_gate)
        {
            _answers.Add(new Answer(match, answer) { Left = times });
        }
    }

    /// <summary>No more of the failures that were asked for.</summary>
    public void Clear()
    {
        lock (_gate)
        {
            _answers.Clear();
        }
    }

    /// <summary>The next event of a watch is sent by half, and then the watch ends.</summary>
    public void TruncateNextEvent() => Interlocked.Increment(ref _truncations);

    internal bool TakeTruncation()
    {
        while (Volatile.Read(ref _truncations) is var left and > 0)
        {
            if (Interlocked.CompareExchange(ref _truncations, left - 1, left) == left)
            {
                return true;
            }
        }

        return false;
    }

    internal Func<HttpResponse, Task>? Take(HttpRequest request)
    {
        lock (_gate)
        {
            var answer = _answers.Find(one => one.Match(request));
            if (answer is not null && --answer.Left <= 0)
            {
                _answers.Remove(answer);
            }

            return answer?.Respond;
        }
    }

    private sealed record Answer(Func<HttpRequest, bool> Match, Func<HttpResponse, Task> Respond)
    {
        public int Left { get; set; }
    }
}
