namespace ProxyFramework.Core;

/// <summary>The proxy cannot start. The message is for the operator: what is wrong and what to do, without a stack trace.</summary>
public sealed class ProxyStartException : Exception
{
    /// <summary>An unexpected failure without explanation.</summary>
    public ProxyStartException()
    {
    }

    /// <summary>An unexpected failure.</summary>
    public ProxyStartException(string message)
        : base(message)
    {
    }

    /// <summary>An unexpected failure and its cause.</summary>
    public ProxyStartException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    /// <summary>A failure with the exit code that fits it.</summary>
    public ProxyStartException(ProxyExitCode exitCode, string message, Exception? innerException = null)
        : base(message, innerException) => ExitCode = exitCode;

    /// <summary>What the process should end with.</summary>
    public ProxyExitCode ExitCode { get; } = ProxyExitCode.Failure;
}
