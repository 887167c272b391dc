using System.Globalization;

namespace ProxyFramework.Core.Plugins;

/// <summary>Asks a backend whether this node can run it, whatever its code does: an exception or a hang is an answer too.</summary>
public static class BackendProbe
{
    /// <summary>How long a backend may think about it.</summary>
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    /// <summary>What the backend says, or what went wrong in asking it, as something that is missing.</summary>
    /// <exception cref="OperationCanceledException">The caller cancelled.</exception>
    public static async Task<BackendSupport> RunAsync(IBackend backend, TimeProvider time, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        try
        {
            // On another thread, since foreign code may block before its first await.
            var probe = Task.Run(() => backend.ProbeAsync(limit.Token).AsTask(), CancellationToken.None);
            return await probe.WaitAsync(Limit, time, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            await limit.CancelAsync().ConfigureAwait(false);
            return BackendSupport.NotSupported(string.Create(
                CultureInfo.InvariantCulture, $"an answer: its probe did not return within {Limit.TotalSeconds} s, which is a defect of the plugin"));
        }
        catch (Exception error) when (!cancellationToken.IsCancellationRequested)
        {
            return BackendSupport.NotSupported($"an answer: its probe failed with {error.GetType().Name}: {error.Message}");
        }
    }
}
