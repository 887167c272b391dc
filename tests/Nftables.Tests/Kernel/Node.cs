using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging.Abstractions;
using ProxyFramework.Backends.Nftables;
using ProxyFramework.Testing;
using Xunit;

namespace ProxyFramework.Nftables.Tests.Kernel;

/// <summary>A network namespace with the backend in it, called as the sync loop calls it.</summary>
internal sealed partial class Node : IAsyncDisposable
{
    private readonly ConcurrentQueue<string> _drift = new();
    private Dictionary<ServicePortKey, ServicePort> _state = [];
    private NftablesBackend? _backend;

    public NetworkNamespace Namespace { get; } = NetworkNamespace.Create();

    public NodeState State { get; set; } = new() { NodePortAddresses = [InetAddress.Parse("192.0.2.1"), InetAddress.Parse("2001:db8::1")] };

    /// <summary>What the backend reported of others' changes.</summary>
    public IReadOnlyCollection<string> Drift => _drift;

    /// <summary>Starts the backend anew, after ending a former one.</summary>
    public async Task StartAsync(params (string Name, string Value)[] settings)
    {
        await StopAsync();
        var backend = new NftablesBackend();
        var context = Context(settings);
        Namespace.Run(() => backend.StartAsync(context, CancellationToken.None).AsTask().GetAwaiter().GetResult());
        _backend = backend;
    }

    /// <summary>Ends the backend; its rules stay.</summary>
    public async Task StopAsync()
    {
        if (_backend is { } backend)
        {
            _backend = null;
            await backend.DisposeAsync();
        }
    }

    public void Cleanup() => Namespace.Run(() => new NftablesBackend().CleanupAsync(Context([]), CancellationToken.None).AsTask().GetAwaiter().GetResult());

    public BackendSupport Probe() => Namespace.Run(() => new NftablesBackend().ProbeAsync(CancellationToken.None).AsTask().GetAwaiter().GetResult());

    /// <summary>Hands over a full change set with these service ports and no others.</summary>
    public SyncResult ApplyAll(params IEnumerable<ServicePort> services)
    {
        _state = services.ToDictionary(service => service.Key);
        return Apply(isFull: true, [.. _state.Values.Select(service => new ServicePortChange(null, service))]);
    }

    /// <summary>Hands over what changes.</summary>
    public SyncResult Apply(params IEnumerable<ServicePort> services)
    {
        var changes = ImmutableArray.CreateBuilder<ServicePortChange>();
        foreach (var service in services)
        {
            changes.Add(new ServicePortChange(_state.GetValueOrDefault(service.Key), service));
            _state[service.Key] = service;
        }

        return Apply(isFull: false, changes.ToImmutable());
    }

    public SyncResult Remove(params IEnumerable<ServicePortKey> keys)
    {
        var changes = keys.Select(key => new ServicePortChange(_state[key], null)).ToImmutableArray();
        foreach (var change in changes)
        {
            _state.Remove(change.Key);
        }

        return Apply(isFull: false, changes);
    }

    /// <summary>What <c>nft</c> says of all rules, in an order that does not depend on the kernel's hash tables.</summary>
    public string List()
    {
        var listing = Namespace.Exec("nft", "list", "ruleset");
        listing = Elements().Replace(listing, match => "elements = { " + string.Join(", ", match.Groups[1].Value
            .Split(',', StringSplitOptions.TrimEntries).Order(StringComparer.Ordinal)) + " }");
        var tables = listing.Split("\n}\n", StringSplitOptions.RemoveEmptyEntries).Select(table =>
            string.Join("\n\t", Blocks().Split(table).Select(static (block, index) => (Text: block.TrimEnd(), IsHeader: index == 0))
                .OrderByDescending(static block => block.IsHeader).ThenBy(static block => block.Text, StringComparer.Ordinal).Select(static block => block.Text)));
        return string.Join("\n}\n", tables.Order(StringComparer.Ordinal));
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        Namespace.Dispose();
    }

    private SyncResult Apply(bool isFull, ImmutableArray<ServicePortChange> changes) => _backend!.ApplyAsync(
        new ServiceChangeSet { IsFull = isFull, Changes = changes, State = _state, Node = State, PreviousNode = State },
        TestContext.Current.CancellationToken).AsTask().GetAwaiter().GetResult();

    private BackendContext Context((string Name, string Value)[] settings) => new()
    {
        LoggerFactory = NullLoggerFactory.Instance,
        TimeProvider = TimeProvider.System,
        Schedulers = new Schedulers(),
        Settings = new ConfigurationBuilder().AddInMemoryCollection(settings.ToDictionary(setting => setting.Name, setting => (string?)setting.Value)).Build(),
        ReportDrift = drift => _drift.Enqueue(drift.Description),
    };

    [GeneratedRegex(@"elements = \{([^}]*)\}")]
    private static partial Regex Elements();

    [GeneratedRegex(@"\n\t(?=set |map |chain )")]
    private static partial Regex Blocks();
}
