namespace ProxyFramework.Core;

/// <summary>
/// A call of code that is not ours (a backend, a source): it may block before its first await, block in what it registered for its
/// cancellation, or never end. None of that blocks the caller.
/// </summary>
internal static class ForeignCall
{
    /// <summary>Calls, on another thread.</summary>
    public static Task<T> Start<T>(Func<CancellationToken, ValueTask<T>> operation, CancellationToken itsToken) =>
        Task.Run(() => operation(itsToken).AsTask(), CancellationToken.None);

    /// <summary>
    /// Waits for it. At shutdown it is cancelled, waited for a while, and then left behind. How it ended is for the caller to await.
    /// </summary>
    /// <param name="call">The call.</param>
    /// <param name="itsSource">What cancels it: a source of its own, not linked to another.</param>
    /// <param name="grace">How long it is waited for after shutdown.</param>
    /// <param name="time">The clock.</param>
    /// <param name="abandoned">Called where it is left behind.</param>
    /// <param name="shutdown">Shutdown.</param>
    /// <exception cref="OperationCanceledException">Shutdown came first.</exception>
    public static async Task WaitAsync(
        Task call, CancellationTokenSource itsSource, TimeSpan grace, TimeProvider time, Action abandoned, CancellationToken shutdown)
    {
        try
        {
            await call.WaitAsync(shutdown).ConfigureAwait(false);
        }
        catch (Exception) when (call.IsCompleted)
        {
            // For the caller.
        }
        catch (OperationCanceledException)
        {
            Cancel(itsSource);
            if (await Task.WhenAny(call, Task.Delay(grace, time, CancellationToken.None)).ConfigureAwait(false) != call)
            {
                abandoned();
            }

            // Its end interests nobody, but must not become an unobserved exception.
            _ = call.ContinueWith(ended => ended.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
            throw;
        }
    }

    /// <summary>Cancels it, but not here and now: what it registered for that may block.</summary>
    public static void Cancel(CancellationTokenSource itsSource) => _ = itsSource.CancelAsync();
}
