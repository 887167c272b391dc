using System.Collections.Immutable;
using System.Threading.Channels;
using ProxyFramework.Core.Objects;
using ProxyFramework.Core.Sources.Manifests;

namespace ProxyFramework.Core.Sources;

/// <summary>
/// Services, EndpointSlices and Nodes that the embedding program, or a test, puts in. Every member may be used from any thread, before
/// the source runs and while it does; none of them waits for the proxy. Changes that are made faster than the proxy takes them are
/// merged: every batch takes effect as a whole, but not each on its own. What changes nothing emits nothing.
/// </summary>
public sealed class InMemorySource : IServiceSource
{
    private const int InitialBatch = 512;

    private readonly Lock _lock = new();
    private readonly InternedStrings _strings = new();
    private readonly Dictionary<ObjectKey, object> _objects = [];
    private readonly HashSet<ObjectKey> _pending = [];
    private readonly HashSet<ObjectKey> _published = [];
    private readonly Channel<bool> _signal = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    private bool _isComplete;
    private bool _isRunning;

    /// <summary>A source without objects.</summary>
    /// <param name="isComplete">
    /// Whether what is there when the source starts is all that there is. Where it is not, nothing is removed from the node until
    /// <see cref="MarkComplete"/> is called.
    /// </param>
    public InMemorySource(bool isComplete = true)
    {
        _isComplete = isComplete;
    }

    /// <inheritdoc/>
    public string Name => "in-memory";

    /// <summary>Says that everything is there by now.</summary>
    public void MarkComplete()
    {
        lock (_lock)
        {
            _isComplete = true;
        }

        _signal.Writer.TryWrite(true);
    }

    /// <summary>Adds or replaces a Service.</summary>
    public void Upsert(Service service) => Apply(new ObjectBatch().Upsert(service));

    /// <summary>Adds or replaces an EndpointSlice.</summary>
    public void Upsert(EndpointSlice slice) => Apply(new ObjectBatch().Upsert(slice));

    /// <summary>Adds or replaces a Node.</summary>
    public void Upsert(Node node) => Apply(new ObjectBatch().Upsert(node));

    /// <summary>Removes a Service, if it is there.</summary>
    public void DeleteService(NamespacedName name) => Apply(new ObjectBatch().DeleteService(name));

    /// <summary>Removes an EndpointSlice, if it is there.</summary>
    public void DeleteEndpointSlice(NamespacedName name) => Apply(new ObjectBatch().DeleteEndpointSlice(name));

    /// <summary>Removes a Node, if it is there.</summary>
    public void DeleteNode(string name) => Apply(new ObjectBatch().DeleteNode(name));

    /// <summary>Makes changes that take effect together.</summary>
    public void Apply(ObjectBatch batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        lock (_lock)
        {
            foreach (var (key, value) in batch.Changes)
            {
                Change(key, value);
            }
        }

        _signal.Writer.TryWrite(true);
    }

    /// <summary>Replaces everything that is there; only the differences take effect, together.</summary>
    public void Replace(IEnumerable<Service> services, IEnumerable<EndpointSlice> slices, IEnumerable<Node> nodes)
    {
        var batch = new ObjectBatch();
        foreach (var value in services.Concat<object>(slices).Concat(nodes))
        {
            batch.Set(value);
        }

        lock (_lock)
        {
            foreach (var key in _objects.Keys.Where(key => !batch.Changes.ContainsKey(key)).ToList())
            {
                Change(key, null);
            }

            foreach (var (key, value) in batch.Changes)
            {
                Change(key, value);
            }
        }

        _signal.Writer.TryWrite(true);
    }

    /// <summary>Adds or replaces the objects of a manifest, YAML or JSON with any number of documents; they take effect together.</summary>
    /// <param name="text">The manifest.</param>
    /// <param name="origin">What problems name as the place that the manifest comes from.</param>
    /// <returns>What was refused; the rest is in. Kinds that the proxy does not use are passed over.</returns>
    public ImmutableArray<ObjectProblem> ApplyManifest(string text, string origin = "in-memory")
    {
        ArgumentNullException.ThrowIfNull(text);
        ArgumentNullException.ThrowIfNull(origin);
        var contents = ManifestReader.Read(origin, text, _strings);
        var batch = new ObjectBatch();
        foreach (var (value, _) in contents.Objects)
        {
            batch.Set(value);
        }

        Apply(batch);
        return [.. contents.Problems];
    }

    /// <inheritdoc/>
    /// <exception cref="InvalidOperationException">It is running already. It may run again after it has ended.</exception>
    public async Task RunAsync(ISourceSink sink, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(sink);
        var events = Start();
        try
        {
            foreach (var batch in events.Chunk(InitialBatch))
            {
                await sink.PublishAsync(batch, cancellationToken).ConfigureAwait(false);
            }

            var saidComplete = false;
            while (true)
            {
                var (changes, isComplete) = TakePending();
                if (changes.Count > 0)
                {
                    await sink.PublishAsync(changes, cancellationToken).ConfigureAwait(false);
                }

                if (isComplete && !saidComplete)
                {
                    saidComplete = true;
                    await sink.PublishAsync([new SourceEvent.Complete()], cancellationToken).ConfigureAwait(false);
                }

                await _signal.Reader.ReadAsync(cancellationToken).ConfigureAwait(false);
            }
        }
        finally
        {
            lock (_lock)
            {
                _isRunning = false;
            }
        }
    }

    private void Change(ObjectKey key, object? value)
    {
        if (value is null)
        {
            if (!_objects.Remove(key))
            {
                return;
            }
        }
        else if (_objects.TryGetValue(key, out var known) && known.Equals(value))
        {
            return;
        }
        else
        {
            _objects[key] = value;
        }

        if (_isRunning)
        {
            _pending.Add(key);
        }
    }

    private List<SourceEvent> Start()
    {
        lock (_lock)
        {
            if (_isRunning)
            {
                throw new InvalidOperationException("the in-memory source is running already");
            }

            _isRunning = true;
            _pending.Clear();
            _published.Clear();
            _published.UnionWith(_objects.Keys);
            return _objects.Values.Select(ObjectKey.Upserted).ToList();
        }
    }

    private (List<SourceEvent> Changes, bool IsComplete) TakePending()
    {
        lock (_lock)
        {
            var changes = new List<SourceEvent>(_pending.Count);
            foreach (var key in _pending)
            {
                // What came and went since the last time was never said to be there.
                if (!_objects.ContainsKey(key) && _published.Remove(key))
                {
                    changes.Add(key.Deleted);
                }
            }

            foreach (var key in _pending)
            {
                if (_objects.TryGetValue(key, out var value))
                {
                    _published.Add(key);
                    changes.Add(ObjectKey.Upserted(value));
                }
            }

            _pending.Clear();
            return (changes, _isComplete);
        }
    }
}
