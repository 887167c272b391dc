namespace ProxyFramework.TestPlugins.Hanging;

/// <summary>A backend that does nothing; the others are its kin, each of which hinders the end of the process in its own way.</summary>
public abstract class HangingBackend : IBackend
{
    public abstract string Name { get; }

    public ValueTask<BackendSupport> ProbeAsync(CancellationToken cancellationToken) => new(BackendSupport.Supported(0));

    public virtual ValueTask StartAsync(BackendContext context, CancellationToken cancellationToken) => ValueTask.CompletedTask;

    public virtual ValueTask<SyncResult> ApplyAsync(ServiceChangeSet changes, CancellationToken cancellationToken) => new(SyncResult.Success);

    public ValueTask CleanupAsync(BackendContext context, CancellationToken cancellationToken) => ValueTask.CompletedTask;

    public virtual ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        return ValueTask.CompletedTask;
    }

    protected static void ForEver()
    {
        // Says so, that a test can wait for it.
        Console.Error.WriteLine("hangs now");
        Thread.Sleep(Timeout.Infinite);
    }
}

public sealed class HangsInStart : HangingBackend
{
    public override string Name => "hangs-in-start";

    public override ValueTask StartAsync(BackendContext context, CancellationToken cancellationToken)
    {
        ForEver();
        return ValueTask.CompletedTask;
    }
}

public sealed class HangsInApply : HangingBackend
{
    public override string Name => "hangs-in-apply";

    public override ValueTask<SyncResult> ApplyAsync(ServiceChangeSet changes, CancellationToken cancellationToken)
    {
        cancellationToken.Register(ForEver);
        ForEver();
        return new(SyncResult.Success);
    }
}

public sealed class HangsInDispose : HangingBackend
{
    public override string Name => "hangs-in-dispose";

    public override ValueTask DisposeAsync()
    {
        ForEver();
        return base.DisposeAsync();
    }
}

/// <summary>Everything at once: a call that takes its grace, an end that hangs, a thread that keeps the process alive, a handler of its end that hangs.</summary>
public sealed class HangsEverywhere : HangingBackend
{
    public override string Name => "hangs-everywhere";

    public override ValueTask StartAsync(BackendContext context, CancellationToken cancellationToken)
    {
        new Thread(() => Thread.Sleep(Timeout.Infinite)) { IsBackground = false }.Start();
        AppDomain.CurrentDomain.ProcessExit += (_, _) => ForEver();
        return ValueTask.CompletedTask;
    }

    public override async ValueTask<SyncResult> ApplyAsync(ServiceChangeSet changes, CancellationToken cancellationToken)
    {
        Console.Error.WriteLine("applies now");
        await Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await Task.Delay(TimeSpan.FromSeconds(1.5), CancellationToken.None).ConfigureAwait(false);
        return SyncResult.Success;
    }

    public override ValueTask DisposeAsync()
    {
        ForEver();
        return base.DisposeAsync();
    }
}
