using System.Collections.Immutable;

namespace ProxyFramework.Plugins.Schedulers;

/// <summary>Draws endpoints at random, in proportion to their weights. Thread-safe where the generator is.</summary>
internal sealed class WeightedDraw
{
    private readonly Random _random;

    /// <summary>For each endpoint the sum of the weights up to it, its own included.</summary>
    private readonly long[] _bounds;

    public WeightedDraw(ImmutableArray<Endpoint> endpoints, Random random)
    {
        _random = random;
        _bounds = new long[endpoints.Length];
        var sum = 0L;
        for (var index = 0; index < endpoints.Length; index++)
        {
            sum += endpoints[index].Weight;
            _bounds[index] = sum;
        }
    }

    /// <summary>One endpoint.</summary>
    public int One() => At(_random.NextInt64(_bounds[^1]));

    /// <summary>Two different ones, the second from what the first leaves; the same twice where there is only one.</summary>
    public (int First, int Second) Two()
    {
        var first = One();
        if (_bounds.Length == 1)
        {
            return (first, first);
        }

        // Leave the first one's stretch out.
        var start = first == 0 ? 0 : _bounds[first - 1];
        var length = _bounds[first] - start;
        var drawn = _random.NextInt64(_bounds[^1] - length);
        return (first, At(drawn < start ? drawn : drawn + length));
    }

    private int At(long drawn)
    {
        // The first bound above the drawn number: an exact hit belongs to the next endpoint.
        var found = Array.BinarySearch(_bounds, drawn);
        return found < 0 ? ~found : found + 1;
    }
}
