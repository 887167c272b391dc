namespace ProxyFramework.TestPlugins.Faulty;

/// <summary>A backend that does nothing; the others are its kin with one fault each.</summary>
public abstract class FaultyBackend : IBackend
{
    public abstract string Name { get; }

    public virtual ValueTask<BackendSupport> ProbeAsync(CancellationToken cancellationToken) => new(BackendSupport.Supported(10));

    public ValueTask StartAsync(BackendContext context, CancellationToken cancellationToken) => ValueTask.CompletedTask;

    public ValueTask<SyncResult> ApplyAsync(ServiceChangeSet changes, CancellationToken cancellationToken) => new(SyncResult.Success);

    public ValueTask CleanupAsync(BackendContext context, CancellationToken cancellationToken) => ValueTask.CompletedTask;

    public ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        return ValueTask.CompletedTask;
    }
}

public sealed class ThrowsInConstructor : FaultyBackend
{
    public ThrowsInConstructor() => throw new InvalidOperationException("the constructor has had enough");

    public override string Name => "throws-in-constructor";
}

public sealed class HangsInConstructor : FaultyBackend
{
    public HangsInConstructor() => Thread.Sleep(Timeout.Infinite);

    public override string Name => "hangs-in-constructor";
}

public sealed class HangsInProbe : FaultyBackend
{
    public override string Name => "hangs-in-probe";

    public override ValueTask<BackendSupport> ProbeAsync(CancellationToken cancellationToken)
    {
        Thread.Sleep(Timeout.Infinite);
        return base.ProbeAsync(cancellationToken);
    }
}

public sealed class ThrowsInProbe : FaultyBackend
{
    public override string Name => "throws-in-probe";

    public override ValueTask<BackendSupport> ProbeAsync(CancellationToken cancellationToken) => throw new InvalidOperationException("no probing today");
}

public sealed class ThrowsInName : FaultyBackend
{
    public override string Name => throw new InvalidOperationException("nameless");
}

public sealed class BadName : FaultyBackend
{
    public override string Name => "Bad Name";
}

public sealed class TakesAuto : FaultyBackend
{
    public override string Name => "auto";
}

public sealed class NotSupportedHere : FaultyBackend
{
    public override string Name => "not-supported-here";

    public override ValueTask<BackendSupport> ProbeAsync(CancellationToken cancellationToken) =>
        new(BackendSupport.NotSupported("the module ip_vs: run 'modprobe ip_vs'"));
}

public sealed class Better : FaultyBackend
{
    public override string Name => "better";

    public override ValueTask<BackendSupport> ProbeAsync(CancellationToken cancellationToken) => new(BackendSupport.Supported(60));
}

public sealed class NeverByItself : FaultyBackend
{
    public override string Name => "never-by-itself";

    public override ValueTask<BackendSupport> ProbeAsync(CancellationToken cancellationToken) => new(BackendSupport.Supported(0));
}
