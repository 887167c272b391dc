using System.Diagnostics.CodeAnalysis;
using System.Net.Sockets;

namespace ProxyFramework.Backends.Userspace;

/// <summary>
/// All listening sockets. A socket outlives the service port that it was opened for where another one takes over its address and
/// port in the same change set.
/// </summary>
internal sealed class ListenerTable
{
    private readonly Lock _lock = new();
    private readonly Dictionary<ListenKey, FrontendListener> _listeners = [];

    /// <summary>UDP sockets that only serve the rest of their flows.</summary>
    private readonly HashSet<ListenKey> _lingering = [];

    public int Count
    {
        get
        {
            lock (_lock)
            {
                return _listeners.Count;
            }
        }
    }

    /// <summary>Makes one frontend's socket as its service port wants it now: opened, changed or closed.</summary>
    /// <param name="run">What listeners share.</param>
    /// <param name="owner">The service port, its routing in force already.</param>
    /// <param name="key">What the socket is bound to.</param>
    /// <param name="frontend">The frontend.</param>
    /// <param name="freeBind">Whether the address is local by a route only.</param>
    /// <param name="addressProblem">Why the address could not be made local; null where it could or need not.</param>
    /// <returns>Why it failed; null where it did not.</returns>
    public string? Ensure(
        UserspaceRun run, ProxiedServicePort owner, ListenKey key, Frontend frontend, bool freeBind, string? addressProblem)
    {
        try
        {
            lock (_lock)
            {
                // The origins are read in here: when they change, Replan comes after them.
                var plan = ListenPlan.For(owner.Routing!.Service, frontend, key.Address, run.Origins);
                var state = new FrontendListener.State(owner, frontend, plan);
                _lingering.Remove(key);
                if (_listeners.TryGetValue(key, out var listener))
                {
                    listener.Update(state);
                    CloseUnlessNeeded(listener, plan);
                    return Where(frontend, key, addressProblem);
                }

                // A socket could perhaps be bound (net.ipv4.ip_nonlocal_bind), but nobody would reach it.
                if (!plan.Listens || addressProblem is not null)
                {
                    return Where(frontend, key, addressProblem);
                }

                if (_listeners.Count >= run.Descriptors.MaxListeners)
                {
                    return $"{frontend}: no file descriptor for another listening socket: {run.Descriptors.Explain(_listeners.Count)}";
                }

                run.Addresses.Admit(key);
                try
                {
                    _listeners.Add(key, FrontendListener.Open(key, run, state, freeBind));
                }
                catch
                {
                    run.Addresses.Exclude(key);
                    throw;
                }

                return null;
            }
        }
        catch (SocketException error)
        {
            return Explain(error, run, key, frontend);
        }
        catch (BackendException error)
        {
            return $"{frontend}: {error.Message}";
        }
    }

    /// <summary>Closes a socket, unless another service port has taken it over.</summary>
    public void Close(ListenKey key, ProxiedServicePort owner)
    {
        lock (_lock)
        {
            if (_listeners.TryGetValue(key, out var listener) && listener.Owner == owner)
            {
                Close(listener);
            }
        }
    }

    /// <summary>Applies new origins to all sockets whose filter may depend on them.</summary>
    /// <param name="run">What listeners share, the origins among it.</param>
    /// <param name="failed">Takes what cannot be done.</param>
    public void Replan(UserspaceRun run, Action<ServicePortKey, string> failed)
    {
        lock (_lock)
        {
            foreach (var listener in _listeners.Values)
            {
                try
                {
                    listener.Replan(run.Origins);
                }
                catch (Exception error) when (error is SocketException or BackendException)
                {
                    failed(listener.Owner.Key, $"{listener.Key}: {error.Message}");
                }
            }
        }
    }

    /// <summary>Ends UDP flows that have been idle for too long, and closes sockets that served only such.</summary>
    public void EndIdleFlows()
    {
        lock (_lock)
        {
            foreach (var listener in _listeners.Values)
            {
                (listener as UdpFrontend)?.EndIdleFlows();
            }

            foreach (var key in _lingering.ToList())
            {
                if (_listeners[key] is UdpFrontend { HasFlows: false } listener)
                {
                    Close(listener);
                }
            }
        }
    }

    public void CloseAll()
    {
        lock (_lock)
        {
            foreach (var listener in _listeners.Values.ToList())
            {
                Close(listener);
            }
        }
    }

    private void CloseUnlessNeeded(FrontendListener listener, ListenPlan plan)
    {
        if (plan.Listens)
        {
            return;
        }

        // Nothing new is served, but flows to endpoints that are only draining need the socket for as long as they last.
        if (listener is UdpFrontend { HasFlows: true })
        {
            _lingering.Add(listener.Key);
        }
        else
        {
            Close(listener);
        }
    }

    private void Close(FrontendListener listener)
    {
        _listeners.Remove(listener.Key);
        _lingering.Remove(listener.Key);
        listener.Close();
        listener.Exclude();
    }

    private string Explain(SocketException error, UserspaceRun run, ListenKey key, Frontend frontend) => Where(frontend, key, error.SocketErrorCode switch
    {
        SocketError.AddressAlreadyInUse => $"another process listens there, or on all addresses (ss -lntup 'sport = :{key.Port}' shows which)",
        SocketError.AccessDenied =>
            $"a port below {Privileges.UnprivilegedPortStart()} needs CAP_NET_BIND_SERVICE, or sysctl net.ipv4.ip_unprivileged_port_start={key.Port}",
        SocketError.AddressNotAvailable => "the address is not this machine's",
        SocketError.TooManyOpenSockets => $"no file descriptor left: {run.Descriptors.Explain(Count)}",
        _ => error.Message,
    });

    [return: NotNullIfNotNull(nameof(problem))]
    private static string? Where(Frontend frontend, ListenKey key, string? problem) =>
        problem is null ? null : $"{frontend.Kind} {key}/{key.Protocol.ToApiName()}: {problem}";
}
