namespace ProxyFramework.Core.View;

/// <summary>
/// Who has which frontend. A frontend that several service ports claim goes to the one that precedes; the others get it when that
/// one leaves.
/// </summary>
internal sealed class FrontendClaims
{
    private readonly Dictionary<FrontendSocket, FrontendClaim> _winners = [];
    private readonly Dictionary<FrontendSocket, List<FrontendClaim>> _losers = [];
    private readonly Dictionary<InetAddress, int> _addresses = [];
    private readonly Action<ServiceEntry> _affected;

    /// <summary>Makes a table without claims.</summary>
    /// <param name="affected">Called for every claimant of a frontend whose winner changed, so that it is computed again.</param>
    public FrontendClaims(Action<ServiceEntry> affected) => _affected = affected;

    /// <summary>The addresses for which <see cref="WatchedAddressChanged"/> is kept.</summary>
    public IReadOnlySet<InetAddress> WatchedAddresses { get; set; } = new HashSet<InetAddress>();

    /// <summary>Whether one of the watched addresses became, or ceased to be, the address of a frontend. Reset by its reader.</summary>
    public bool WatchedAddressChanged { get; set; }

    /// <summary>The number of frontends that are claimed.</summary>
    public int Count => _winners.Count;

    /// <summary>Whether an address is that of a frontend (node ports have none).</summary>
    public bool IsFrontendAddress(InetAddress address) => _addresses.ContainsKey(address);

    /// <summary>The claim that has the frontend.</summary>
    public FrontendClaim WinnerOf(FrontendSocket socket) => _winners[socket];

    public void Add(FrontendSocket socket, FrontendClaim claim)
    {
        if (!_winners.TryGetValue(socket, out var winner))
        {
            _winners.Add(socket, claim);
            CountAddress(socket.Address, 1);
            return;
        }

        if (!_losers.TryGetValue(socket, out var losers))
        {
            _losers.Add(socket, losers = []);
        }

        if (claim.Precedes(winner))
        {
            losers.Add(winner);
            _winners[socket] = claim;
            AllAffected(losers);
        }
        else
        {
            losers.Add(claim);
        }
    }

    public void Remove(FrontendSocket socket, FrontendClaim claim)
    {
        _losers.TryGetValue(socket, out var losers);
        if (_winners[socket] != claim)
        {
            losers!.Remove(claim);
        }
        else if (losers is null)
        {
            _winners.Remove(socket);
            CountAddress(socket.Address, -1);
        }
        else
        {
            AllAffected(losers);
            var next = 0;
            for (var i = 1; i < losers.Count; i++)
            {
                if (losers[i].Precedes(losers[next]))
                {
                    next = i;
                }
            }

            _winners[socket] = losers[next];
            losers.RemoveAt(next);
        }

        if (losers is { Count: 0 })
        {
            _losers.Remove(socket);
        }
    }

    private void AllAffected(List<FrontendClaim> claims)
    {
        foreach (var claim in claims)
        {
            _affected(claim.Entry);
        }
    }

    private void CountAddress(InetAddress address, int difference)
    {
        if (address.IsUnspecified)
        {
            return;
        }

        var count = _addresses.GetValueOrDefault(address) + difference;
        if (count == 0)
        {
            _addresses.Remove(address);
        }
        else
        {
            _addresses[address] = count;
        }

        if ((count == 0 || count == difference) && WatchedAddresses.Contains(address))
        {
            WatchedAddressChanged = true;
        }
    }
}
