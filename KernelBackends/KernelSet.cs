using System.Diagnostics.CodeAnalysis;
using ProxyFramework.Netlink.NfTables;

namespace ProxyFramework.KernelBackends;

/// <summary>The elements that the kernel has in a set, as bytes, and which of them are wanted.</summary>
public sealed class KernelSet : INftElementTarget
{
    private readonly Dictionary<byte[], bool> _elements;
    private readonly Dictionary<byte[], bool>.AlternateLookup<ReadOnlySpan<byte>> _byKey;
    private readonly int _keySize;

    /// <summary>An empty one for the elements of a set.</summary>
    public KernelSet(NftSet set)
    {
        Set = set;
        _keySize = set.Flags.HasFlag(NftSetFlags.Interval) ? 2 * set.KeyType.Size : set.KeyType.Size;
        _elements = new Dictionary<byte[], bool>(new KeyComparer(_keySize));
        _byKey = _elements.GetAlternateLookup<ReadOnlySpan<byte>>();
    }

    /// <summary>Which set.</summary>
    public NftSet Set { get; }

    /// <summary>The keys of the elements that nobody marked as wanted.</summary>
    public IEnumerable<ReadOnlyMemory<byte>> Unwanted => _elements.Where(element => !element.Value).Select(element => new ReadOnlyMemory<byte>(element.Key, 0, _keySize));

    /// <summary>Marks an element as wanted.</summary>
    /// <param name="key">Its key, of an interval both.</param>
    /// <param name="data">The data that the kernel has for it.</param>
    /// <returns>False where there is none.</returns>
    public bool Want(ReadOnlySpan<byte> key, out ReadOnlySpan<byte> data)
    {
        data = default;
        if (!_byKey.TryGetValue(key, out var element, out _))
        {
            return false;
        }

        _elements[element] = true;
        data = element.AsSpan(_keySize);
        return true;
    }

    /// <inheritdoc/>
    public void Begin() => _elements.Clear();

    /// <inheritdoc/>
    public bool Add(NftElementView element) => _elements.TryAdd([.. element.Key, .. element.KeyEnd, .. element.Data], false);

    /// <summary>Elements with the same key are the same, whatever their data.</summary>
    private sealed class KeyComparer(int keySize) : IEqualityComparer<byte[]>, IAlternateEqualityComparer<ReadOnlySpan<byte>, byte[]>
    {
        public bool Equals(byte[]? x, byte[]? y) => Key(x).SequenceEqual(Key(y));

        public bool Equals(ReadOnlySpan<byte> alternate, byte[] other) => Key(alternate).SequenceEqual(Key(other));

        public int GetHashCode([DisallowNull] byte[] obj) => GetHashCode(obj.AsSpan());

        public int GetHashCode(ReadOnlySpan<byte> alternate)
        {
            var hash = default(HashCode);
            hash.AddBytes(Key(alternate));
            return hash.ToHashCode();
        }

        public byte[] Create(ReadOnlySpan<byte> alternate) => alternate.ToArray();

        private ReadOnlySpan<byte> Key(ReadOnlySpan<byte> element) => element[..Math.Min(keySize, element.Length)];
    }
}
