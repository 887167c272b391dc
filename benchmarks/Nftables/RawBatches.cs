using System.Diagnostics;
using ProxyFramework.Backends.Nftables.Kernel;
using ProxyFramework.Backends.Nftables.Layout;
using ProxyFramework.Core.View;
using ProxyFramework.KernelBackends;
using ProxyFramework.Netlink.NfTables;
using ProxyFramework.Testing;

namespace ProxyFramework.Benchmarks.Nftables;

/// <summary>The elements of all services in batches that were built before the clock runs: what the kernel itself takes for them.</summary>
internal static class RawBatches
{
    private const int MaxElements = 8192;

    /// <summary>Builds the batches, then commits them.</summary>
    /// <returns>The time from the first to the last commit.</returns>
    public static TimeSpan Commit(NetworkNamespace place, NodeView view)
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
        clock.Stop();
        batches.ForEach(batch => batch.Dispose());
        return clock.Elapsed;

        void Write()
        {
            var batch = new NftBatch();
            transaction.Write(batch);
            batches.Add(batch);
            transaction.Reset();
        }
    }
}
