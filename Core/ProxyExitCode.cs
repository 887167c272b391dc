namespace ProxyFramework.Core;

/// <summary>What the process ends with; documented for operators in <c>docs/exit-codes.md</c>.</summary>
public enum ProxyExitCode
{
    /// <summary>It ended as it was asked to.</summary>
    Success = 0,

    /// <summary>Something that is not foreseen; the log says what.</summary>
    Failure = 1,

    /// <summary>A flag or a setting is wrong.</summary>
    Usage = 2,

    /// <summary>There is no such mode, or this node cannot run it.</summary>
    Mode = 3,

    /// <summary>A plugin is broken, insecure, built for another contract or there twice, and that prevents the selected mode.</summary>
    Plugin = 4,

    /// <summary>The manifests cannot be read at all.</summary>
    Manifests = 5,
}
