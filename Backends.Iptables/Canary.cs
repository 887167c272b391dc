namespace ProxyFramework.Backends.Iptables;

/// <summary>Looks now and then whether what leads to our chains is still there: nobody tells when tables are flushed.</summary>
internal sealed class Canary : IAsyncDisposable
{
    private readonly CancellationTokenSource _ending = new();
    private readonly Task _looking;

    /// <summary>Begins to look.</summary>
    /// <param name="time">The clock.</param>
    /// <param name="interval">How often.</param>
    /// <param name="look">Looks once; called from another thread, one call at a time.</param>
    public Canary(TimeProvider time, TimeSpan interval, Action look) => _looking = LookAsync(time, interval, look);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _ending.CancelAsync().ConfigureAwait(false);
        await _looking.ConfigureAwait(false);
        _ending.Dispose();
    }

    private async Task LookAsync(TimeProvider time, TimeSpan interval, Action look)
    {
        using var timer = new PeriodicTimer(interval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(_ending.Token).ConfigureAwait(false))
            {
                look();
            }
        }
        catch (OperationCanceledException)
        {
            // The end.
        }
    }
}
