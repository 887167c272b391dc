using System.Collections.Immutable;

namespace ProxyFramework.Netlink.NfTables;

/// <summary>An element of a set or map, copied from the kernel's answer.</summary>
public sealed record NftElement
{
    /// <summary>The key.</summary>
    public required ImmutableArray<byte> Key { get; init; }

    /// <summary>The last key of an interval over a concatenation; otherwise empty.</summary>
    public ImmutableArray<byte> KeyEnd { get; init; } = [];

    /// <summary>A map's data; empty where they are a verdict.</summary>
    public ImmutableArray<byte> Data { get; init; } = [];

    /// <summary>A verdict map's verdict.</summary>
    public NftVerdict? Verdict { get; init; }

    /// <summary>The time that the element was given to live; zero where it has no limit of its own.</summary>
    public TimeSpan Timeout { get; init; }

    /// <summary>The time that it has left; zero where it has no limit.</summary>
    public TimeSpan Expires { get; init; }

    /// <summary>What <c>nft list</c> shows as its comment.</summary>
    public string? Comment { get; init; }

    /// <summary>Whether this key is the first one behind an interval.</summary>
    public bool IsIntervalEnd { get; init; }

    internal static NftElement Copy(NftElementView view) => new()
    {
        Key = [.. view.Key],
        KeyEnd = [.. view.KeyEnd],
        Data = [.. view.Data],
        Verdict = view.HasVerdict ? view.ReadVerdict() : null,
        Timeout = view.Timeout,
        Expires = view.Expires,
        Comment = view.ReadComment(),
        IsIntervalEnd = view.IsIntervalEnd,
    };

    /// <summary>A kernel's number of milliseconds, of which a <see cref="TimeSpan"/> cannot hold all.</summary>
    internal static TimeSpan Milliseconds(ulong value) =>
        TimeSpan.FromMilliseconds((long)Math.Min(value, (ulong)TimeSpan.MaxValue.TotalMilliseconds / 2));
}
