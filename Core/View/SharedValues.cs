using System.Runtime.InteropServices;

namespace ProxyFramework.Core.View;

/// <summary>
/// Holds equal values once, for as long as something uses them. Decoders make a new string for each occurrence of a node's name or
/// a port's name; <see cref="string.Intern"/> would share them for ever, and names of nodes and hints come and go.
/// </summary>
internal sealed class SharedValues<T>
    where T : class
{
    private readonly Dictionary<T, Holding> _holdings = [];

    /// <summary>The number of different values in use.</summary>
    public int Count => _holdings.Count;

    /// <summary>The shared instance that equals <paramref name="value"/>; each call wants one <see cref="Release"/>.</summary>
    public T Share(T value)
    {
        ref var holding = ref CollectionsMarshal.GetValueRefOrAddDefault(_holdings, value, out var exists);
        if (!exists)
        {
            holding.Value = value;
        }

        holding.Uses++;
        return holding.Value;
    }

    /// <summary>Ends one use.</summary>
    public void Release(T value)
    {
        ref var holding = ref CollectionsMarshal.GetValueRefOrNullRef(_holdings, value);
        if (--holding.Uses == 0)
        {
            _holdings.Remove(value);
        }
    }

    private struct Holding
    {
        public T Value;
        public int Uses;
    }
}
