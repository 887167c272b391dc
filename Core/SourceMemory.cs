using ProxyFramework.Core.Sources;

namespace ProxyFramework.Core;

/// <summary>
/// The names of the objects that a source has published, so that after the source had to be started again, those that it does not
/// publish any more are removed: it cannot know them itself.
/// </summary>
internal sealed class SourceMemory
{
    private HashSet<ObjectName> _known = [];
    private HashSet<ObjectName>? _beforeRestart;

    /// <summary>Whether the source has said all that there is since its last start.</summary>
    public bool IsComplete { get; private set; }

    /// <summary>The source is about to be started, perhaps again.</summary>
    public void Restart()
    {
        IsComplete = false;
        if (_beforeRestart is not null)
        {
            _beforeRestart.UnionWith(_known);
        }
        else
        {
            _beforeRestart = _known;
        }

        _known = [];
    }

    /// <summary>Takes note of what is published. Returns it, with the missing deletions where the source becomes complete again.</summary>
    public IReadOnlyList<SourceEvent> Remember(IReadOnlyList<SourceEvent> events)
    {
        List<SourceEvent>? more = null;
        for (var i = 0; i < events.Count; i++)
        {
            if (Remember(events[i]) is { Count: > 0 } deletions)
            {
                more ??= [.. events.Take(i)];
                more.AddRange(deletions);
            }

            more?.Add(events[i]);
        }

        return more ?? events;
    }

    private List<SourceEvent>? Remember(SourceEvent change)
    {
        switch (change)
        {
            case SourceEvent.ServiceUpserted { Service.Name: var name }:
                _known.Add(new ObjectName(ObjectKind.Service, name));
                break;
            case SourceEvent.ServiceDeleted { Name: var name }:
                Forget(new ObjectName(ObjectKind.Service, name));
                break;
            case SourceEvent.EndpointSliceUpserted { Slice.Name: var name }:
                _known.Add(new ObjectName(ObjectKind.EndpointSlice, name));
                break;
            case SourceEvent.EndpointSliceDeleted { Name: var name }:
                Forget(new ObjectName(ObjectKind.EndpointSlice, name));
                break;
            case SourceEvent.NodeUpserted { Node.Name: var name }:
                _known.Add(NodeName(name));
                break;
            case SourceEvent.NodeDeleted { Name: var name }:
                Forget(NodeName(name));
                break;
            case SourceEvent.Complete:
                IsComplete = true;
                return DeleteWhatIsGone();
            default:
                break;
        }

        return null;
    }

    private void Forget(ObjectName name)
    {
        _known.Remove(name);
        _beforeRestart?.Remove(name);
    }

    private List<SourceEvent>? DeleteWhatIsGone()
    {
        var gone = _beforeRestart;
        _beforeRestart = null;
        gone?.ExceptWith(_known);
        return gone?.Select<ObjectName, SourceEvent>(one => one.Kind switch
        {
            ObjectKind.Service => new SourceEvent.ServiceDeleted(one.Name),
            ObjectKind.EndpointSlice => new SourceEvent.EndpointSliceDeleted(one.Name),
            _ => new SourceEvent.NodeDeleted(one.Name.Name),
        }).ToList();
    }

    private static ObjectName NodeName(string name) => new(ObjectKind.Node, new NamespacedName("", name));

    private enum ObjectKind : byte
    {
        Service,
        EndpointSlice,
        Node,
    }

    private readonly record struct ObjectName(ObjectKind Kind, NamespacedName Name);
}
