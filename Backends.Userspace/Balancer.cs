using System.Collections.Immutable;

namespace ProxyFramework.Backends.Userspace;

/// <summary>One endpoint group ready to be picked from. Immutable; replaced whole when the group or the scheduler changes.</summary>
internal sealed class Balancer
{
    private readonly HashSet<EndpointTarget> _members;

    public Balancer(EndpointGroup group, IScheduler? scheduler, ImmutableArray<EndpointTarget> targets, Balancer? previous)
    {
        Group = group;
        Scheduler = scheduler;
        Targets = targets;
        _members = [.. targets];
        Picker = targets.IsEmpty || scheduler is null
            ? null
            : scheduler.CreatePicker(new PickerContext
            {
                Endpoints = group.Endpoints,
                Loads = [.. targets.Select(target => target.Load)],
                Previous = previous?.Scheduler == scheduler ? previous.Picker : null,
            });
    }

    public EndpointGroup Group { get; }

    public IScheduler? Scheduler { get; }

    /// <summary>In the order of the group's endpoints.</summary>
    public ImmutableArray<EndpointTarget> Targets { get; }

    public IEndpointPicker? Picker { get; }

    public bool Contains(EndpointTarget target) => _members.Contains(target);

    /// <summary>An endpoint for a new connection; null where there is none.</summary>
    /// <param name="connection">The connection.</param>
    /// <param name="tried">Endpoints that have just failed; null for none. They are avoided as long as there are others.</param>
    public EndpointTarget? Pick(in ConnectionKey connection, List<EndpointTarget>? tried)
    {
        if (Picker is null)
        {
            return null;
        }

        var index = Picker.Pick(connection);
        if (tried is null)
        {
            return Targets[index];
        }

        // A scheduler may insist on the endpoint that failed (it has the fewest connections, after all): go on from there.
        for (var step = 0; step < Targets.Length; step++)
        {
            var target = Targets[(index + step) % Targets.Length];
            if (!tried.Contains(target))
            {
                return target;
            }
        }

        return null;
    }
}
