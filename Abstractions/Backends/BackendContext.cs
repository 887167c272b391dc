using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;

namespace ProxyFramework;

/// <summary>What the framework lends to a backend for one run.</summary>
public sealed class BackendContext
{
    /// <summary>For the backend's log; each message through a category that starts with the backend's namespace.</summary>
    public required ILoggerFactory LoggerFactory { get; init; }

    /// <summary>The only clock to be used, so that tests can move it.</summary>
    public required TimeProvider TimeProvider { get; init; }

    /// <summary>The schedulers that are loaded.</summary>
    public required ISchedulerCatalog Schedulers { get; init; }

    /// <summary>
    /// The settings of this mode: the configuration section with the backend's name (<c>iptables:…</c>, <c>userspace:…</c>).
    /// A setting that the backend does not know is an error that names it.
    /// </summary>
    public required IConfiguration Settings { get; init; }

    /// <summary>The scheduler for services that ask for none; null where the operator chose none, and the backend's own default applies.</summary>
    public string? DefaultScheduler { get; init; }

    /// <summary>
    /// For how long connections to endpoints that are gone may go on; <see cref="Timeout.InfiniteTimeSpan"/> for as long as they last.
    /// </summary>
    public TimeSpan DrainTimeout { get; init; } = Timeout.InfiniteTimeSpan;

    /// <summary>
    /// To be called, from any thread, when the backend finds that what it programmed was changed by someone else.
    /// A full change set follows at once.
    /// </summary>
    public required Action<DriftReport> ReportDrift { get; init; }
}

/// <summary>What a backend says of a foreign change to what it programmed.</summary>
/// <param name="Description">What was changed, and by whom where that is known; for the log.</param>
public sealed record DriftReport(string Description);
