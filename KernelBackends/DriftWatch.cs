using ProxyFramework.Netlink.NfTables;

namespace ProxyFramework.KernelBackends;

/// <summary>Listens to the kernel's notifications and tells when others changed our tables.</summary>
public sealed class DriftWatch : IAsyncDisposable
{
    private readonly NftSubscription _subscription;
    private readonly Func<string, bool> _isOurs;
    private readonly Action<string> _drifted;
    private readonly CancellationTokenSource _ending = new();
    private readonly Task _reading;

    /// <summary>Begins to listen, in the network namespace of the calling thread.</summary>
    /// <param name="ownPort">The netlink port whose changes are ours.</param>
    /// <param name="isOurs">Tells our tables by their names, among those of IPv4 and IPv6.</param>
    /// <param name="drifted">Takes what was changed and by whom; called from another thread.</param>
    /// <param name="failed">Takes the reason why nothing is heard any more.</param>
    public DriftWatch(uint ownPort, Func<string, bool> isOurs, Action<string> drifted, Action<Exception> failed)
    {
        _subscription = NftSubscription.Open(ownPort);
        _isOurs = isOurs;
        _drifted = drifted;
        _reading = Task.Run(() => ReadAsync(failed));
    }

    /// <summary>
    /// Runs an adoption, deaf at first: the kernel's notifications of a large load would take longer than the load. The generations of
    /// its rules tell whether anyone else changed something meanwhile; then it runs once more, hearing.
    /// </summary>
    /// <param name="nft">Asks for generations.</param>
    /// <param name="transactions">How many transactions of ours were committed so far.</param>
    /// <param name="adopt">Makes the tables agree with what is wanted, whatever is there.</param>
    /// <exception cref="ProxyFramework.Netlink.NetlinkException">The system call failed.</exception>
    public void Adopt(NftNetlink nft, Func<long> transactions, Action adopt)
    {
        _subscription.Pause();
        try
        {
            var (generation, before) = (nft.GetGeneration().Id, transactions());
            adopt();
            _subscription.Resume();
            if (nft.GetGeneration().Id - generation == (uint)(transactions() - before))
            {
                return;
            }
        }
        catch
        {
            _subscription.Resume();
            throw;
        }

        adopt();
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _ending.CancelAsync().ConfigureAwait(false);
        await _reading.ConfigureAwait(false);
        _subscription.Dispose();
        _ending.Dispose();
    }

    private async Task ReadAsync(Action<Exception> failed)
    {
        try
        {
            NftNotification.Change? main = null;
            var changes = 0;
            await foreach (var notification in _subscription.ReadAllAsync(_ending.Token).ConfigureAwait(false))
            {
                switch (notification)
                {
                    // The kernel's rules fill the map of clients; it does not tell that, but who deletes a client by hand means it.
                    case NftNotification.Change change when _isOurs(change.Table):
                        // The largest thing says most: with a table, all its rules are reported as deleted.
                        main = main is null || change.Kind < main.Kind ? change : main;
                        changes++;
                        break;
                    case NftNotification.Committed committed when main is not null:
                        _drifted(Describe(main, changes, committed.Generation));
                        (main, changes) = (null, 0);
                        break;
                    case NftNotification.Overrun:
                        _drifted("notifications of nf_tables were lost, so our tables may have been changed");
                        (main, changes) = (null, 0);
                        break;
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The end.
        }
        catch (Exception error)
        {
            failed(error);
        }
    }

    private static string Describe(NftNotification.Change main, int changes, NftGeneration generation)
    {
        var what = main.Kind == NftObjectKind.Table ? "table" : $"{main.Kind.ToString().ToLowerInvariant()} {main.Name} of table";
        var family = main.Family == NftFamily.IPv4 ? "ip" : "ip6";
        var more = changes == 1 ? "" : $", {changes - 1} more changes with it";
        var who = generation.ProcessId == 0 ? "another process" : $"process {generation.ProcessId} ({generation.ProcessName})";
        return $"{who} {(main.Deleted ? "deleted" : "added or changed")} {what} {family} {main.Table}{more}";
    }
}
