namespace ProxyFramework.Core;

/// <summary>How the clean-up after a backend ended.</summary>
public enum CleanupStatus
{
    /// <summary>Nothing of it is left.</summary>
    Cleaned,

    /// <summary>This node cannot run the backend, so it was not asked.</summary>
    NotSupported,

    /// <summary>Something may be left.</summary>
    Failed,
}

/// <summary>What became of the clean-up after one backend.</summary>
/// <param name="Backend">Its name.</param>
/// <param name="Status">How it ended.</param>
/// <param name="Message">Why, where it was not cleaned; otherwise null.</param>
public sealed record CleanupOutcome(string Backend, CleanupStatus Status, string? Message);
