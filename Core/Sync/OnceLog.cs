namespace ProxyFramework.Core.Sync;

/// <summary>
/// Remembers what was said of each service port, so that it is said once and not with each change set. Forgets a service port that is gone.
/// </summary>
internal sealed class OnceLog
{
    private readonly Dictionary<ServicePortKey, HashSet<string>> _said = [];

    /// <summary>Whether this was not said of it before.</summary>
    public bool IsNew(ServicePortKey key, string message)
    {
        if (!_said.TryGetValue(key, out var messages))
        {
            _said.Add(key, messages = new HashSet<string>(1, StringComparer.Ordinal));
        }

        // A backend that puts a changing number into its messages must not fill the memory.
        if (messages.Count >= 16)
        {
            messages.Clear();
        }

        return messages.Add(message);
    }

    /// <summary>Whether anything was said of it; and forgets it.</summary>
    public bool Forget(ServicePortKey key) => _said.Remove(key);
}
