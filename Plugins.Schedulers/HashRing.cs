using System.Collections.Immutable;

namespace ProxyFramework.Plugins.Schedulers;

/// <summary>
/// Endpoints on a ring, each at as many places as its weight asks; a hash belongs to the first place at or after it (Karger et al., "Consistent
/// Hashing and Random Trees", STOC 1997). Immutable.
/// </summary>
internal sealed class HashRing
{
    private readonly ulong[] _places;
    private readonly int[] _owners;

    /// <param name="endpoints">The endpoints.</param>
    /// <param name="replicas">The places of an endpoint of average weight; every endpoint has at least one.</param>
    public HashRing(ImmutableArray<Endpoint> endpoints, int replicas)
    {
        var average = endpoints.Average(endpoint => (double)endpoint.Weight);
        var places = new List<(ulong Place, int Owner)>();
        for (var index = 0; index < endpoints.Length; index++)
        {
            var hash = StableHash.Of(endpoints[index]);
            var count = Math.Max(1, (int)Math.Round(endpoints[index].Weight / average * replicas));
            for (var replica = 0u; replica < count; replica++)
            {
                places.Add((StableHash.Of(hash, replica), index));
            }
        }

        places.Sort();
        _places = [.. places.Select(place => place.Place)];
        _owners = [.. places.Select(place => place.Owner)];
    }

    /// <summary>The number of places.</summary>
    public int Length => _places.Length;

    /// <summary>The place that a hash belongs to.</summary>
    public int PlaceOf(ulong hash)
    {
        var found = Array.BinarySearch(_places, hash);
        return found >= 0 ? found : ~found == _places.Length ? 0 : ~found;
    }

    /// <summary>Whose a place is.</summary>
    public int OwnerOf(int place) => _owners[place];
}
