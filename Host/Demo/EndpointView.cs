using System.Net;
using ProxyFramework.Core.Sync;

namespace ProxyFramework.Host.Demo;

/// <summary>Shows which endpoints come and go once that is in force.</summary>
internal sealed class EndpointView(DemoScreen screen) : ISyncObserver
{
    private readonly Dictionary<ServicePortKey, HashSet<Endpoint>> _shown = [];

    /// <inheritdoc/>
    public void Synced(ServiceChangeSet changes, SyncResult result, TimeSpan duration)
    {
        foreach (var change in changes.Changes)
        {
            var now = change.After?.Cluster.Endpoints.ToHashSet() ?? [];
            if (_shown.Remove(change.Key, out var before))
            {
                foreach (var gone in before.Except(now))
                {
                    screen.Change($"{change.Key.Service}: endpoint {NameOf(gone)} is gone");
                }

                foreach (var added in now.Except(before))
                {
                    screen.Change($"{change.Key.Service}: endpoint {NameOf(added)} is new");
                }
            }

            if (change.After is not null)
            {
                _shown[change.Key] = now;
            }
        }

        foreach (var failure in result.Failures)
        {
            screen.Problem($"{failure.Key}: {failure.Reason}");
        }
    }

    private string NameOf(Endpoint endpoint) => screen.NameOf(new IPEndPoint(endpoint.Address.ToIPAddress(), endpoint.Port));
}
