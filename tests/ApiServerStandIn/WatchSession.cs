using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using Microsoft.AspNetCore.Http;

namespace ProxyFramework.ApiServerStandIn;

/// <summary>One watch, from its first event to its end.</summary>
internal sealed class WatchSession(ResourceType type, Selector selector, string? space, bool wantsBookmarks, Faults faults, HttpContext context)
    : IDisposable
{
    private readonly CancellationTokenSource _closing = new();
    private readonly Channel<bool> _bookmarks = Channel.CreateUnbounded<bool>();

    /// <summary>Ends it as a server does whose time for it is over.</summary>
    public void Close()
    {
        try
        {
            _closing.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // It has ended of itself.
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _closing.Dispose();

    /// <summary>Cuts it off.</summary>
    public void Cut() => context.Abort();

    /// <summary>Sends a bookmark if the client wants them.</summary>
    public void Bookmark() => _bookmarks.Writer.TryWrite(true);

    /// <summary>Sends what there is (<paramref name="initial"/>), perhaps the bookmark at its end, then every change.</summary>
    public async Task RunAsync(StoredObject[] initial, long version, bool marksEnd, ChannelReader<Change> changes, TimeSpan limit)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(_closing.Token, context.RequestAborted);
        ending.CancelAfter(limit);
        context.Response.ContentType = "application/json";
        await context.Response.StartAsync();
        try
        {
            foreach (var one in initial.Where(Selects))
            {
                await SendAsync("ADDED", one.Json, ending.Token);
            }

            if (marksEnd)
            {
                await SendBookmarkAsync(version, isEnd: true, ending.Token);
            }

            await context.Response.BodyWriter.FlushAsync(ending.Token);
            await FollowAsync(version, changes, ending.Token);
        }
        catch (OperationCanceledException)
        {
            // Its time is over, or the client has gone.
        }
        catch (EndedInTheMiddle)
        {
            // As asked.
        }
    }

    private async Task FollowAsync(long version, ChannelReader<Change> changes, CancellationToken cancellation)
    {
        var changed = changes.WaitToReadAsync(cancellation).AsTask();
        var bookmark = _bookmarks.Reader.WaitToReadAsync(cancellation).AsTask();
        while (true)
        {
            await await Task.WhenAny(changed, bookmark);
            while (changes.TryRead(out var change))
            {
                version = change.Version;
                await SendAsync(change, cancellation);
            }

            while (_bookmarks.Reader.TryRead(out _))
            {
                if (wantsBookmarks)
                {
                    await SendBookmarkAsync(version, isEnd: false, cancellation);
                }
            }

            await context.Response.BodyWriter.FlushAsync(cancellation);
            changed = changed.IsCompleted ? changes.WaitToReadAsync(cancellation).AsTask() : changed;
            bookmark = bookmark.IsCompleted ? _bookmarks.Reader.WaitToReadAsync(cancellation).AsTask() : bookmark;
        }
    }

    private Task SendAsync(Change change, CancellationToken cancellation)
    {
        var was = change.Before is { } before && Selects(before);
        var isNow = !change.IsDeletion && Selects(change.Now);
        return (was, isNow) switch
        {
            (false, false) => Task.CompletedTask,
            (false, true) => SendAsync("ADDED", change.Now.Json, cancellation),
            (true, true) => SendAsync("MODIFIED", change.Now.Json, cancellation),
            (true, false) => SendAsync("DELETED", change.Now.Json, cancellation),
        };
    }

    private bool Selects(StoredObject value) => (space is null || value.Namespace == space) && selector.Matches(value);

    private Task SendBookmarkAsync(long version, bool isEnd, CancellationToken cancellation)
    {
        var metadata = new JsonObject { ["resourceVersion"] = version.ToString(CultureInfo.InvariantCulture), ["creationTimestamp"] = null };
        if (isEnd)
        {
            metadata["annotations"] = new JsonObject { ["k8s.io/initial-events-end"] = "true" };
        }

        var bookmark = new JsonObject { ["kind"] = type.Kind, ["apiVersion"] = type.ApiVersion, ["metadata"] = metadata };
        return SendAsync("BOOKMARK", JsonSerializer.SerializeToUtf8Bytes(bookmark), cancellation);
    }

    private async Task SendAsync(string kind, byte[] json, CancellationToken cancellation)
    {
        byte[] line = [.. Encoding.UTF8.GetBytes($"{{\"type\":\"{kind}\",\"object\":"), .. json, .. "}\n"u8];
        if (kind != "BOOKMARK" && faults.TakeTruncation())
        {
            await context.Response.BodyWriter.WriteAsync(line.AsMemory(0, line.Length / 2), cancellation);
            await context.Response.BodyWriter.FlushAsync(cancellation);
            throw new EndedInTheMiddle();
        }

        await context.Response.BodyWriter.WriteAsync(line, cancellation);
    }

    private sealed class EndedInTheMiddle : Exception;
}
