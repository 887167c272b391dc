namespace ProxyFramework.Benchmarks;

/// <summary>No scheduler at all: each backend's own default applies.</summary>
internal sealed class NoSchedulers : ISchedulerCatalog
{
    public static NoSchedulers Instance { get; } = new();

    public IReadOnlyCollection<string> Names => [];

    public IScheduler? Find(string name) => null;
}
