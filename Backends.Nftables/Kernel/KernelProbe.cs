using System.Collections.Immutable;
using ProxyFramework.Backends.Nftables.Layout;
using ProxyFramework.Netlink;
using ProxyFramework.Netlink.NfTables;

namespace ProxyFramework.Backends.Nftables.Kernel;

/// <summary>
/// Tells whether the kernel has everything that the layout uses, by asking it for the layout in a transaction that it must refuse in
/// the end: the kernel checks all of it, loads the modules that it needs, and changes nothing.
/// </summary>
internal static class KernelProbe
{
    /// <summary>Without affinity and with.</summary>
    private static readonly int[] AffinitySeconds = [0, 60];

    /// <summary>What is missing, a sentence each; empty where nothing is.</summary>
    public static ImmutableArray<string> FindMissing()
    {
        try
        {
            using var nft = NftNetlink.Open();
            return [.. Enum.GetValues<IPFamily>().SelectMany(family => FindMissing(nft, family))];
        }
        catch (NetlinkException error) when (error.ErrorNumber is Errno.EPERM or Errno.EACCES)
        {
            return ["nftables mode needs CAP_NET_ADMIN: run as root, or give the capability"];
        }
        catch (NetlinkException error)
        {
            return [$"the kernel has no nf_tables ({error.Message}): load the module nf_tables, or use a kernel with CONFIG_NF_TABLES"];
        }
    }

    private static IEnumerable<string> FindMissing(NftNetlink nft, IPFamily family)
    {
        var schema = new TableSchema(family, affinityClients: 1);
        var table = schema.Table with { Name = $"svcproxy-probe-{Environment.ProcessId}" };
        SetId[] classes = [.. Enum.GetValues<SlotSelector>()
            .Where(static selector => selector != SlotSelector.RoundRobin)
            .SelectMany(static selector => AffinitySeconds.Select(seconds => new SetId(SetKind.Class, Class: new SlotClass(2, selector, seconds))))];
        using var batch = new NftBatch();
        batch.AddTable(table);
        foreach (var id in ChainLayout.FixedSets().Concat(classes))
        {
            batch.AddSet(schema.Set(id) with { Table = table });
        }

        // Without their hooks, so that no packet passes them even for a moment.
        var chains = new ChainLayout(masqueradeBit: 1, dropsInvalid: true).Build(classes, LocalPodDetection.None).ToList();
        var rules = new RuleLowering(family);
        foreach (var chain in chains)
        {
            batch.AddChain(new NftChain(table, chain.Name));
        }

        foreach (var chain in chains)
        {
            foreach (var statements in chain.Rules)
            {
                batch.AddRule(new NftChain(table, chain.Name), rule => rules.Write(rule, statements));
            }
        }

        batch.DeleteTable(table with { Name = $"{table.Name}-none" });
        var refused = nft.TryCommit(batch);
        if (refused is [{ Kernel.Errno: Errno.ENOENT }])
        {
            yield break;
        }

        foreach (var error in refused.Where(static error => error.Kernel.Errno is Errno.EPERM))
        {
            yield return $"nftables mode needs CAP_NET_ADMIN: run as root, or give the capability ({error.Kernel})";
            yield break;
        }

        // The last one is the refusal that was asked for.
        foreach (var error in refused.SkipLast(1).DefaultIfEmpty(refused.LastOrDefault()))
        {
            yield return $"the kernel does not take what nftables mode needs for {family}: {error?.ToString() ?? "it took what it should refuse"}; "
                + "it needs nf_tables with nat, masq, reject, hash, numgen and ct (CONFIG_NFT_…, Linux 5.15 or later)";
        }
    }
}
