using System.Collections.Immutable;
using ProxyFramework.Netlink;
using ProxyFramework.Netlink.Route;

namespace ProxyFramework.Backends.Userspace;

/// <summary>
/// The network interfaces of the namespace in which the backend was started, by which pods of this node can be told. Followed over
/// rtnetlink, since pods, and their interfaces with them, come and go without a change of the node.
/// </summary>
internal sealed class NetworkInterfaces : IAsyncDisposable
{
    private readonly Lock _lock = new();
    private readonly Dictionary<int, string> _names = [];
    private readonly CancellationTokenSource _end = new();
    private readonly RouteSubscription _subscription;
    private readonly RtNetlink _netlink;
    private Task _following = Task.CompletedTask;

    private NetworkInterfaces(RouteSubscription subscription, RtNetlink netlink)
    {
        _subscription = subscription;
        _netlink = netlink;
    }

    /// <summary>Reads the interfaces of the calling thread's network namespace.</summary>
    /// <exception cref="NetlinkException">They cannot be read.</exception>
    public static NetworkInterfaces Open()
    {
        // Listening first, so that nothing is missed between the list and the changes to it.
        var subscription = RouteSubscription.Open(RouteGroups.Links);
        RtNetlink? netlink = null;
        try
        {
            netlink = RtNetlink.Open();
            var interfaces = new NetworkInterfaces(subscription, netlink);
            interfaces.ReadAll();
            return interfaces;
        }
        catch
        {
            netlink?.Dispose();
            subscription.Dispose();
            throw;
        }
    }

    /// <summary>Follows the changes.</summary>
    /// <param name="changed">Called after each, from any thread, one at a time.</param>
    /// <param name="failed">Called when they can be followed no longer.</param>
    public void Follow(Action changed, Action<Exception> failed) => _following = FollowAsync(changed, failed);

    /// <summary>The indexes of those that pods of this node are behind, ordered; none where the mode does not go by interface.</summary>
    public ImmutableArray<int> IndexesOf(LocalPodDetection pods)
    {
        Func<string, bool>? isPods = pods.Mode switch
        {
            LocalPodDetectionMode.BridgeInterface => name => name == pods.InterfaceName,
            LocalPodDetectionMode.InterfaceNamePrefix => name => name.StartsWith(pods.InterfaceName, StringComparison.Ordinal),
            _ => null,
        };
        if (isPods is null)
        {
            return [];
        }

        lock (_lock)
        {
            return [.. _names.Where(link => isPods(link.Value)).Select(link => link.Key).Order()];
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync().ConfigureAwait(false);
        await _following.ConfigureAwait(false);
        _subscription.Dispose();
        _netlink.Dispose();
        _end.Dispose();
    }

    private async Task FollowAsync(Action changed, Action<Exception> failed)
    {
        try
        {
            await foreach (var notification in _subscription.ReadAllAsync(_end.Token).ConfigureAwait(false))
            {
                if (Note(notification))
                {
                    changed();
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

    /// <summary>Takes note of a change.</summary>
    /// <returns>False where it changes no name: an interface goes up or down more often than it is made.</returns>
    private bool Note(RouteNotification notification)
    {
        switch (notification)
        {
            case RouteNotification.Overrun:
                ReadAll();
                return true;
            case RouteNotification.LinkChange(var link, Deleted: true):
                lock (_lock)
                {
                    return _names.Remove(link.Index);
                }

            case RouteNotification.LinkChange(var link, _):
                lock (_lock)
                {
                    if (_names.TryGetValue(link.Index, out var name) && name == link.Name)
                    {
                        return false;
                    }

                    _names[link.Index] = link.Name;
                    return true;
                }

            default:
                return false;
        }
    }

    private void ReadAll()
    {
        var links = _netlink.GetLinks();
        lock (_lock)
        {
            _names.Clear();
            foreach (var link in links)
            {
                _names[link.Index] = link.Name;
            }
        }
    }
}
