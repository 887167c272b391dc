using System.Diagnostics;
using ProxyFramework.Backends.Nftables.Kernel;
using ProxyFramework.Backends.Nftables.Layout;
using ProxyFramework.Core.Sources;
using ProxyFramework.Core.View;
using ProxyFramework.KernelBackends;
using ProxyFramework.Netlink.NfTables;
using ProxyFramework.Testing;

namespace ProxyFramework.Benchmarks.Nftables;

/// <summary>The elements of all services in batches that were built before the clock runs: what the kernel itself takes for them.</summary>
internal static class RawBatches
{
    private const int MaxElements = 8192;

    /// <summary>Builds the batches of a load, then commits them; then the same for changes, each in a batch of its own.</summary>
    /// <param name="place">Where.</param>
    /// <param name="view">The services.</param>
    /// <param name="changes">What happens after the load; each is one change of one service port.</param>
    /// <returns>The time from the first to the last commit of the load, and the time of each change.</returns>
    public static (TimeSpan Load, double[] Changes) Commit(NetworkNamespace place, NodeView view, IEnumerable<SourceEvent> changes)
    {
        var schema = new TableSchema(IPFamily.IPv4, 1 << 20);
        var layout = new ElementLayout(new SlotTables("nftables", NoSchedulers.Instance, null));
        var uses = new ElementUses();
        var diff = new ElementDiff(layout, uses);
        var batches = new List<NftBatch>();
        var skeleton = new NftBatch();
        skeleton.AddTable(schema.Table);
        foreach (var set in ChainLayout.FixedSets().Append(new SetId(SetKind.Class, Class: new SlotClass(Cluster.EndpointsPerService, SlotSelector.Random, 0))))
        {
            skeleton.AddSet(schema.Set(set));
        }

        batches.Add(skeleton);
        var transaction = new Transaction(schema, new ElementCodec(schema));
        foreach (var service in view.ServicePorts.Values)
        {
            transaction.Add(new ServicePortChange(null, service), diff);
            if (transaction.ElementCount >= MaxElements)
            {
                Write();
            }
        }

        Write();
        using var nft = place.Run(NftNetlink.Open);
        var clock = Stopwatch.StartNew();
        batches.ForEach(nft.Commit);
        var load = clock.Elapsed;
        batches.ForEach(batch => batch.Dispose());
        batches.Clear();
        foreach (var change in changes)
        {
            view.Apply(change);
            transaction.Add(view.TakeChanges().ServicePorts.Single(), diff);
            Write();
        }

        var times = new double[batches.Count];
        for (var i = 0; i < times.Length; i++)
        {
            var started = Stopwatch.GetTimestamp();
            nft.Commit(batches[i]);
            times[i] = Stopwatch.GetElapsedTime(started).TotalMicroseconds;
        }

        batches.ForEach(batch => batch.Dispose());
        return (load, times);

        void Write()
        {
            var batch = new NftBatch();
            transaction.Write(batch);
            batches.Add(batch);
            transaction.Reset();
        }
    }
}
