namespace ProxyFramework.Backends.Userspace;

/// <summary>
/// Which addresses must be local for the sake of frontends, and which of them were made so. Addresses that the machine has itself
/// need nothing.
/// </summary>
internal sealed class AddressClaims(ILocalAddresses addresses)
{
    private readonly Dictionary<InetAddress, int> _claims = [];
    private HashSet<InetAddress> _present = [];

    /// <summary>Reads what an earlier run left behind.</summary>
    public async ValueTask AdoptAsync(CancellationToken cancellationToken) =>
        _present = [.. await addresses.ReadAsync(cancellationToken).ConfigureAwait(false)];

    /// <summary>Whether an address is local because of this mode.</summary>
    public bool IsPresent(InetAddress address) => _present.Contains(address);

    public void Claim(InetAddress address) => _claims[address] = _claims.GetValueOrDefault(address) + 1;

    public void Release(InetAddress address)
    {
        var left = _claims.GetValueOrDefault(address) - 1;
        if (left > 0)
        {
            _claims[address] = left;
        }
        else
        {
            _claims.Remove(address);
        }
    }

    /// <summary>Makes claimed addresses local that are not.</summary>
    /// <param name="claimed">Which; null for all that are claimed.</param>
    /// <param name="origins">Knows the machine's own addresses.</param>
    /// <param name="cancellationToken">Ends it early.</param>
    /// <returns>For each address that could not be made local the reason.</returns>
    public async ValueTask<IReadOnlyDictionary<InetAddress, string>> EnsureAsync(
        IEnumerable<InetAddress>? claimed, NodeOrigins origins, CancellationToken cancellationToken)
    {
        var missing = (claimed ?? _claims.Keys).Where(address => NeedsRoute(address, origins) && !_present.Contains(address)).ToHashSet();
        if (missing.Count == 0)
        {
            return new Dictionary<InetAddress, string>();
        }

        var problems = await addresses.AddAsync(missing, cancellationToken).ConfigureAwait(false);
        _present.UnionWith(missing.Where(address => !problems.ContainsKey(address)));
        return problems;
    }

    /// <summary>Takes away what no frontend claims any more.</summary>
    /// <param name="candidates">The addresses that may be unclaimed; null for all.</param>
    /// <param name="origins">Knows the machine's own addresses.</param>
    /// <param name="cancellationToken">Ends it early.</param>
    public async ValueTask<IReadOnlyDictionary<InetAddress, string>> PruneAsync(
        IEnumerable<InetAddress>? candidates, NodeOrigins origins, CancellationToken cancellationToken)
    {
        var surplus = (candidates ?? _present)
            .Where(address => _present.Contains(address) && !(_claims.ContainsKey(address) && NeedsRoute(address, origins)))
            .ToHashSet();
        if (surplus.Count == 0)
        {
            return new Dictionary<InetAddress, string>();
        }

        var problems = await addresses.RemoveAsync(surplus, cancellationToken).ConfigureAwait(false);
        _present.ExceptWith(surplus.Where(address => !problems.ContainsKey(address)));
        return problems;
    }

    private static bool NeedsRoute(InetAddress address, NodeOrigins origins) => !origins.IsOwnAddress(address);
}
