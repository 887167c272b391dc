namespace ProxyFramework.Core.Tests.Proxy;

/// <summary>The ways in which foreign code can fail to return. All of them return when the test lets go.</summary>
public enum HangKind
{
    /// <summary>Awaits something that never comes, and does not look at its token.</summary>
    Awaits,

    /// <summary>Blocks its thread before its first await.</summary>
    BlocksItsThread,

    /// <summary>Blocks whoever cancels it.</summary>
    BlocksInItsCancellation,
}

/// <summary>Code that does not return until it is let go.</summary>
internal sealed class Hang(HangKind kind) : IDisposable
{
    private readonly ManualResetEventSlim _letGo = new();
    private readonly TaskCompletionSource _ended = new();

    /// <summary>Whether it has been called.</summary>
    public bool IsReached { get; private set; }

    public async ValueTask RunAsync(CancellationToken cancellationToken)
    {
        IsReached = true;
        switch (kind)
        {
            case HangKind.BlocksItsThread:
                _letGo.Wait(CancellationToken.None);
                break;
            case HangKind.BlocksInItsCancellation:
                cancellationToken.Register(() => _letGo.Wait(CancellationToken.None));
                await _ended.Task;
                break;
            default:
                await _ended.Task;
                break;
        }
    }

    public void LetGo()
    {
        _letGo.Set();
        _ended.TrySetResult();
    }

    /// <summary>Not the event itself: a thread may be about to wait for it.</summary>
    public void Dispose() => LetGo();
}
