namespace ProxyFramework;

/// <summary>
/// A data path: makes the kernel, or its own sockets, or another program, agree with the service ports it is given. It applies no
/// rule of the Kubernetes API; those are already in the model. One instance lives for one run of the proxy.
/// </summary>
/// <remarks>
/// Calls never overlap: the sync loop makes one at a time, in the order Probe, Start, any number of Apply, Dispose; Cleanup comes
/// after a Probe, without Start. A call that ignores its cancellation is abandoned after a limit and the backend is reported as hung.
/// The process may end without any call: what is in force then must go on working, and the next start adopts it.
/// </remarks>
public interface IBackend : IAsyncDisposable
{
    /// <summary>What <c>--mode</c> selects: lower-case letters, digits and hyphens.</summary>
    string Name { get; }

    /// <summary>Whether this node can run the backend, and if not, what is missing. Changes nothing.</summary>
    ValueTask<BackendSupport> ProbeAsync(CancellationToken cancellationToken);

    /// <summary>Prepares and reads what an earlier run left behind, so that the first change set costs only the difference.</summary>
    /// <exception cref="BackendException">It cannot run; the message says why and what to do.</exception>
    ValueTask StartAsync(BackendContext context, CancellationToken cancellationToken);

    /// <summary>
    /// Makes the changes. Returns when they are in force. Make room for the new before removing the old, and cut no connection to
    /// an endpoint that still exists.
    /// </summary>
    /// <returns>What could not be programmed and why; the rest stands.</returns>
    /// <exception cref="Exception">The failure cannot be tied to service ports: a full change set follows after a delay.</exception>
    ValueTask<SyncResult> ApplyAsync(ServiceChangeSet changes, CancellationToken cancellationToken);

    /// <summary>Leaves the node as it was found: removes everything of this backend, of earlier versions too, and nothing else.</summary>
    ValueTask CleanupAsync(BackendContext context, CancellationToken cancellationToken);
}

/// <summary>Thrown by a backend for what an operator can mend: the message says what is wrong and what to do, without a stack trace.</summary>
public sealed class BackendException : Exception
{
    /// <summary>An error without further explanation.</summary>
    public BackendException()
    {
    }

    /// <summary>An error with a message for the operator.</summary>
    public BackendException(string message)
        : base(message)
    {
    }

    /// <summary>An error with a message for the operator and its cause.</summary>
    public BackendException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
