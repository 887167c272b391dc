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
        var limit = new CancellationTokenSource();
        var call = ForeignCall.Start(operation, limit.Token);
        var timer = time.CreateTimer(_ => OnLimit(call, limit, hung), null, options.BackendTimeout, Timeout.InfiniteTimeSpan);
        await using (timer.ConfigureAwait(false))
        {
            await ForeignCall.WaitAsync(call, limit, options.ShutdownGrace, time, abandoned, cancellationToken).ConfigureAwait(false);
        }

        return await call.ConfigureAwait(false);
    }

    private static void OnLimit(Task call, CancellationTokenSource limit, Action hung)
    {
        if (call.IsCompleted)
        {
            return;
        }

        hung();
        ForeignCall.Cancel(limit);
    }
}
