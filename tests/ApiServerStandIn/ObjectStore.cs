using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Threading.Channels;

namespace ProxyFramework.ApiServerStandIn;

/// <summary>An object as it is at one version. Immutable.</summary>
public sealed record StoredObject(ResourceType Type, string Namespace, string Name, long Version, byte[] Json, IReadOnlyDictionary<string, string> Labels)
{
    public string Key => $"{Namespace}/{Name}";

    public JsonObject ToNode() => JsonNode.Parse(Json)!.AsObject();
}

/// <summary>One change; its version is the store's when it was made. <c>Now</c> of a deletion is the object as it last was.</summary>
public sealed record Change(long Version, StoredObject Now, StoredObject? Before, bool IsDeletion);

/// <summary>What etcd is to the real one: objects, one version counter for all of them, and the history since the last compaction.</summary>
public sealed class ObjectStore
{
    private readonly Lock _gate = new();
    private readonly Dictionary<ResourceType, SortedDictionary<string, StoredObject>> _objects =
        ResourceType.All.ToDictionary(type => type, _ => new SortedDictionary<string, StoredObject>(StringComparer.Ordinal));

    private readonly List<Change> _history = [];
    private readonly List<(ResourceType Type, Channel<Change> Channel)> _subscribers = [];
    private long _version = 1000;
    private long _compacted = 1000;

    public long Version
    {
        get
        {
            lock (_gate)
            {
                return _version;
            }
        }
    }

    /// <summary>Adds or replaces an object, whose metadata gets a new version (and a uid and a time, if it has none).</summary>
    public StoredObject Put(ResourceType type, JsonObject value)
    {
        lock (_gate)
        {
            return PutLocked(type, value, withHistory: true);
        }
    }

    /// <summary>Puts many objects without history, as if they had been there long since.</summary>
    public void Load(ResourceType type, IEnumerable<JsonObject> values)
    {
        lock (_gate)
        {
            foreach (var value in values)
            {
                PutLocked(type, value, withHistory: false);
            }

            CompactLocked();
        }
    }

    public StoredObject? Find(ResourceType type, string space, string name)
    {
        lock (_gate)
        {
            return _objects[type].GetValueOrDefault($"{space}/{name}");
        }
    }

    public StoredObject? Delete(ResourceType type, string space, string name)
    {
        lock (_gate)
        {
            if (!_objects[type].Remove($"{space}/{name}", out var before))
            {
                return null;
            }

            _version++;
            var value = before.ToNode();
            value["metadata"]!["resourceVersion"] = Text(_version);
            var last = before with { Version = _version, Json = JsonSerializer.SerializeToUtf8Bytes(value) };
            Tell(new Change(_version, last, before, IsDeletion: true));
            return last;
        }
    }

    /// <summary>All objects of a type, in order, and the version that they are from.</summary>
    public (StoredObject[] Objects, long Version) List(ResourceType type)
    {
        lock (_gate)
        {
            return ([.. _objects[type].Values], _version);
        }
    }

    /// <summary>Everything after a version, as it comes; null where the history does not reach back that far.</summary>
    public ChannelReader<Change>? Subscribe(ResourceType type, long after)
    {
        lock (_gate)
        {
            if (after < _compacted)
            {
                return null;
            }

            var channel = Channel.CreateUnbounded<Change>();
            foreach (var change in _history.Where(change => change.Now.Type == type && change.Version > after))
            {
                channel.Writer.TryWrite(change);
            }

            _subscribers.Add((type, channel));
            return channel.Reader;
        }
    }

    /// <summary>What there is, and everything after it.</summary>
    public (StoredObject[] Objects, long Version, ChannelReader<Change> Changes) ListAndSubscribe(ResourceType type)
    {
        lock (_gate)
        {
            var channel = Channel.CreateUnbounded<Change>();
            _subscribers.Add((type, channel));
            return ([.. _objects[type].Values], _version, channel.Reader);
        }
    }

    public void Unsubscribe(ChannelReader<Change> reader)
    {
        lock (_gate)
        {
            _subscribers.RemoveAll(subscriber => ReferenceEquals(subscriber.Channel.Reader, reader));
        }
    }

    /// <summary>Forgets the history: whoever wants to go on from an earlier version is told that it is gone.</summary>
    public void Compact()
    {
        lock (_gate)
        {
            _version++;
            CompactLocked();
        }
    }

    private StoredObject PutLocked(ResourceType type, JsonObject value, bool withHistory)
    {
        _version++;
        var metadata = value["metadata"]!.AsObject();
        var name = (string)metadata["name"]!;
        var space = "";
        if (type.IsNamespaced)
        {
            space = (string?)metadata["namespace"] ?? "default";
            metadata["namespace"] = space;
        }

        value["apiVersion"] = type.ApiVersion;
        value["kind"] = type.Kind;
        metadata["uid"] ??= Guid.NewGuid().ToString();
        metadata["creationTimestamp"] ??= DateTimeOffset.UtcNow.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
        metadata["resourceVersion"] = Text(_version);
        var labels = metadata["labels"] is JsonObject given ? given.ToDictionary(label => label.Key, label => (string?)label.Value ?? "") : [];
        var stored = new StoredObject(type, space, name, _version, JsonSerializer.SerializeToUtf8Bytes(value), labels);
        var before = _objects[type].GetValueOrDefault(stored.Key);
        _objects[type][stored.Key] = stored;
        if (withHistory)
        {
            Tell(new Change(_version, stored, before, IsDeletion: false));
        }

        return stored;
    }

    private void Tell(Change change)
    {
        _history.Add(change);
        foreach (var (type, channel) in _subscribers)
        {
            if (type == change.Now.Type)
            {
                channel.Writer.TryWrite(change);
            }
        }
    }

    private void CompactLocked()
    {
        _history.Clear();
        _compacted = _version;
    }

    private static string Text(long version) => version.ToString(CultureInfo.InvariantCulture);
}
