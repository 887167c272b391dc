namespace ProxyFramework.Core.Sync;

/// <summary>
/// One call of a backend that may hang: it is cancelled when it takes too long, and then still waited for, since calls must not
/// overlap; only shutdown leaves it behind.
/// </summary>
internal static class BackendCall
{
    /// <summary>Calls and waits.</summary>
    /// <param name="operation">The call.</param>
    /// <param name="options">The limits.</param>
    /// <param name="time">The clock.</param>
    /// <param name="hung">Called once when it takes longer than <see cref="SyncLoopOptions.BackendTimeout"/>.</param>
    /// <param name="abandoned">Called where it is left behind.</param>
    /// <param name="cancellationToken">Shutdown.</param>
    /// <exception cref="OperationCanceledException">Shutdown came first.</exception>
    public static async Task<T> RunAsync<T>(
        Func<CancellationToken, ValueTask<T>> operation,
        SyncLoopOptions options,
        TimeProvider time,
        Action hung,
        Action abandoned,
        CancellationToken cancellationToken)
    {
        var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);

        // On another thread, since foreign code may block before its first await.
        var call = Task.Run(() => operation(limit.Token).AsTask(), CancellationToken.None);
        var timer = time.CreateTimer(_ => OnLimit(call, limit, hung), null, options.BackendTimeout, Timeout.InfiniteTimeSpan);
        try
        {
            await call.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception) when (call.IsCompleted)
        {
            // Awaited below.
        }
        catch (OperationCanceledException)
        {
            if (await Task.WhenAny(call, Task.Delay(options.ShutdownGrace, time, CancellationToken.None)).ConfigureAwait(false) != call)
            {
                // Its token source is left to it; its end interests nobody, but must not become an unobserved exception.
                _ = call.ContinueWith(ended => ended.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
                abandoned();
            }

            throw;
        }
        finally
        {
            await timer.DisposeAsync().ConfigureAwait(false);
        }

        limit.Dispose();
        return await call.ConfigureAwait(false);
    }

    private static void OnLimit(Task call, CancellationTokenSource limit, Action hung)
    {
        if (call.IsCompleted)
        {
            return;
        }

        hung();

        // Not here and now: what the backend registered for cancellation may block as well.
        _ = limit.CancelAsync();
    }
}
