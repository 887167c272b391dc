using System.Buffers.Binary;
using ProxyFramework.Netlink.NfTables;
using ProxyFramework.Testing;
using Xunit;
using static ProxyFramework.Netlink.Tests.NfTables.ServicesRuleset;

namespace ProxyFramework.Netlink.Tests.NfTables;

public sealed class NftNetlinkTests : IDisposable
{
    private static readonly NftTable Scratch = new(NftFamily.IPv4, "scratch");
    private static readonly NftSet Addresses = new(Scratch, "addresses", NftType.IPv4Address);
    private static readonly NftSet Ports = new(Scratch, "ports", NftType.Concatenation(NftType.IPv4Address, NftType.InetService))
    {
        DataType = NftType.Concatenation(NftType.IPv4Address, NftType.InetService),
    };

    private readonly NetworkNamespace _ns = NetworkNamespace.Create();
    private readonly NftNetlink _nft;
    private readonly NftBatch _batch = new();

    public NftNetlinkTests() => _nft = _ns.Run(NftNetlink.Open);

    public void Dispose()
    {
        _batch.Dispose();
        _nft.Dispose();
        _ns.Dispose();
    }

    [Fact]
    public void Nft_lists_what_was_committed_exactly_like_what_it_loaded_itself()
    {
        using var other = NetworkNamespace.Create();
        other.Exec("nft", "-f", Path.Combine(AppContext.BaseDirectory, "Fixtures", "services.nft"));
        Write(_batch);

        _nft.Commit(_batch);

        Assert.Equal(WithoutExpiry(other.Exec("nft", "list", "ruleset")), WithoutExpiry(_ns.Exec("nft", "list", "ruleset")));
    }

    [Fact]
    public void A_pick_by_random_slot_from_one_map_is_listed_by_nft()
    {
        _batch.AddTable(Table);
        _batch.AddSet(Endpoints);
        _batch.AddElement(Endpoints, Key("10.96.0.10", 6, 53, 1), Target("10.0.0.8", 5353), "default/web:http " + new string('x', 180));
        _batch.AddChain(Pick2);
        _batch.AddRule(Pick2, static rule => rule
            .IPv4Destination(0).TransportProtocol(1).DestinationPort(2).NumGen(NftNumGenType.Random, 2, 3)
            .LookupMap("endpoints", 0, 0).DestinationNat(IPFamily.IPv4, 0, 1));

        _nft.Commit(_batch);

        var listing = _ns.Exec("nft", "list", "ruleset");
        Assert.Contains(
            "dnat ip to ip daddr . meta l4proto . th dport . numgen random mod 2 map @endpoints", listing, StringComparison.Ordinal);
        Assert.Contains("10.96.0.10 . tcp . 53 . 0x00000001 comment \"default/web:http xxx", listing, StringComparison.Ordinal);
    }

    [Fact]
    public void Tables_chains_rules_sets_and_elements_are_read_back_as_they_were_written()
    {
        Write(_batch);
        _nft.Commit(_batch);

        var table = Assert.Single(_nft.GetTables(NftFamily.IPv4));
        Assert.Equal("of svcproxy", table.Comment);
        Assert.Equal(table, _nft.FindTable(NftFamily.IPv4, "proxy"));
        Assert.True(_nft.FindTable(NftFamily.IPv6, "proxy6")!.Flags.HasFlag(NftTableFlags.Dormant));
        Assert.Null(_nft.FindTable(NftFamily.IPv6, "proxy"));
        Assert.Equal(2, _nft.GetTables().Count);

        var chains = _nft.GetChains(Table);
        Assert.Equal(["pick-2", "pick-hash", "refuse", "pre", "post", "raw"], chains.Select(chain => chain.Name));
        Assert.Equal(Pre.Base, chains[3].Base);
        Assert.Equal(Raw.Base, chains[5].Base);
        Assert.Null(chains[0].Base);

        var rules = _nft.GetRules(Pick2);
        Assert.Equal([null, "two"], rules.Select(rule => rule.Comment));
        Assert.All(rules, rule => Assert.True(rule.Handle > 0 && rule.Expressions.Length > 0));

        foreach (var wanted in (NftSet[])[Services, Endpoints, Affinity, Hairpin, Sources, Allowed])
        {
            var found = _nft.GetSets(Table).Single(set => set.Name == wanted.Name);
            Assert.Equal(wanted.AllFlags, found.AllFlags & ~NftSetFlags.Concatenation | (wanted.AllFlags & NftSetFlags.Concatenation));
            Assert.Equal(
                (wanted.KeyType, wanted.DataType, wanted.Size, wanted.Timeout, wanted.Comment),
                (found.KeyType, found.DataType, found.Size, found.Timeout, found.Comment));
        }

        var services = _nft.GetElements(Services);
        var dns = services.Single(element => element.Key.AsSpan().SequenceEqual(Key("10.96.0.10", 6, 53)));
        Assert.Equal((NftVerdict.Goto("pick-2"), "kube-system/dns:tcp"), (dns.Verdict, dns.Comment));
        Assert.Equal(NftVerdict.Drop, services.Single(element => element != dns).Verdict);
        var hairpin = Assert.Single(_nft.GetElements(Hairpin));
        Assert.Equal(TimeSpan.FromSeconds(5), hairpin.Timeout);
        Assert.InRange(hairpin.Expires, TimeSpan.FromMilliseconds(1), TimeSpan.FromSeconds(5));
        var allowed = Assert.Single(_nft.GetElements(Allowed));
        Assert.Equal(Address("10.255.255.255"), allowed.KeyEnd.AsSpan()[^4..].ToArray());
        Assert.Equal(
            [Target("10.0.0.7", 5353), Target("10.0.0.8", 5353)],
            _nft.GetElements(Endpoints).OrderBy(element => element.Key[^4]).Select(element => element.Data.ToArray()));
    }

    [Fact]
    public void Rules_are_inserted_placed_replaced_and_deleted_by_handle()
    {
        var chain = new NftChain(Scratch, "chain") { Comment = "a chain" };
        _batch.AddTable(Scratch);
        _batch.AddChain(chain);
        _batch.AddRule(chain, "b", static rule => rule.Accept());
        _batch.InsertRule(chain, "a", static rule => rule.Counter());
        Commit();
        var rules = _nft.GetRules(chain);
        _batch.AddRuleBehind(rules[0], "a2", static rule => rule.Counter());
        _batch.ReplaceRule(rules[1], "c", static rule => rule.Drop());
        Commit();

        Assert.Equal(["a", "a2", "c"], _nft.GetRules(chain).Select(rule => rule.Comment));
        Assert.Equal("a chain", Assert.Single(_nft.GetChains(Scratch)).Comment);

        _batch.DeleteRule(_nft.GetRules(chain)[0]);
        Commit();
        Assert.Equal(["a2", "c"], _nft.GetRules(chain).Select(rule => rule.Comment));
        _batch.FlushChain(chain);
        Commit();
        Assert.Empty(_nft.GetRules(chain));
        _batch.DeleteChain(chain);
        Commit();
        Assert.Empty(_nft.GetChains(Scratch));
    }

    [Fact]
    public void Three_hundred_thousand_elements_are_committed_and_read_back_and_flushed()
    {
        const int count = 300_000;
        _batch.AddTable(Scratch);
        _batch.AddSet(Ports);
        Span<byte> key = stackalloc byte[8];
        for (var number = 0; number < count; number++)
        {
            BinaryPrimitives.WriteInt32BigEndian(key, number);
            _batch.AddElement(Ports, key, Target("10.0.0.7", 80));
        }

        Commit();

        var seen = new CountingTarget();
        _nft.ReadElements(Ports, seen);
        Assert.Equal(count, seen.Keys.Count);
        _batch.FlushSet(Ports);
        Commit();
        Assert.Empty(_nft.GetElements(Ports));
        _batch.DeleteSet(Ports);
        Commit();
        Assert.Empty(_nft.GetSets(Scratch));
    }

    [Fact]
    public void A_reader_that_gives_up_in_the_middle_of_a_dump_does_not_spoil_the_next_one()
    {
        _batch.AddTable(Scratch);
        _batch.AddSet(Addresses);
        Span<byte> key = stackalloc byte[4];
        for (var number = 0; number < 20_000; number++)
        {
            BinaryPrimitives.WriteInt32BigEndian(key, number);
            _batch.AddElement(Addresses, key);
        }

        Commit();

        Assert.Throws<NotSupportedException>(() => _nft.ReadElements(Addresses, new GivesUp()));
        Assert.Equal(20_000, _nft.GetElements(Addresses).Count);
    }

    [Fact]
    public void Elements_are_found_by_their_keys()
    {
        _batch.AddTable(Scratch);
        _batch.AddSet(Ports);
        var keys = new byte[8 * 5_000];
        for (var number = 0; number < 5_000; number++)
        {
            BinaryPrimitives.WriteInt32BigEndian(keys.AsSpan(number * 8), number);
            if (number % 2 == 0)
            {
                _batch.AddElement(Ports, keys.AsSpan(number * 8, 8), Target("10.0.0.7", 80));
            }
        }

        Commit();

        var found = new CountingTarget();
        _nft.FindElements(Ports, keys, found);
        Assert.Equal(Enumerable.Range(0, 2_500).Select(number => number * 2), found.Keys.Order());
        _nft.FindElements(Ports, [], found);
        Assert.Empty(found.Keys);
        Assert.Equal(Errno.EINVAL, Assert.Throws<NetlinkException>(() => _nft.FindElements(Addresses with { Name = "ports" }, [1, 2, 3, 4], found)).ErrorNumber);
    }

    [Fact]
    public void A_refused_element_is_named_and_nothing_of_its_batch_is_carried_out()
    {
        _batch.AddTable(Scratch);
        _batch.AddSet(Addresses);
        _batch.AddSet(Ports);
        _batch.AddElement(Ports, [10, 0, 0, 1, 0, 80, 0, 0], Target("10.0.0.7", 80));
        Commit();
        Span<byte> key = stackalloc byte[8];
        for (var number = 0; number < 5_000; number++)
        {
            BinaryPrimitives.WriteInt32BigEndian(key, number);
            _batch.AddElement(Ports, key, Target("10.0.0.7", 80));
        }

        _batch.AddElement(Addresses, [10, 0, 0, 1]);
        _batch.AddElement(Ports, [10, 0, 0, 2, 0, 80, 0, 0], Target("10.0.0.7", 80));
        _batch.AddElement(Ports, [10, 0, 0, 1, 0, 80, 0, 0], Target("10.0.0.8", 80));
        _batch.DeleteElement(Addresses, [10, 0, 0, 9]);

        var errors = _nft.TryCommit(_batch);

        Assert.Equal(2, errors.Length);
        Assert.Equal((Errno.EEXIST, Ports, 5_002), (errors[0].Kernel.Errno, errors[0].Set, errors[0].Element));
        Assert.Equal((Errno.ENOENT, Addresses, 5_003), (errors[1].Kernel.Errno, errors[1].Set, errors[1].Element));
        Assert.Equal("NFT_MSG_NEWSETELEM", errors[0].Kernel.Request);
        Assert.Single(_nft.GetElements(Ports));
        Assert.Empty(_nft.GetElements(Addresses));
    }

    [Fact]
    public void A_refused_interval_is_named()
    {
        var intervals = new NftSet(Scratch, "intervals", NftType.IPv4Address) { Flags = NftSetFlags.Interval };
        _batch.AddTable(Scratch);
        _batch.AddSet(intervals);
        _batch.AddInterval(intervals, [10, 0, 0, 0], [10, 0, 0, 255]);
        _batch.AddInterval(intervals, [240, 0, 0, 0], [255, 255, 255, 255]);
        Commit();
        Assert.Contains("{ 10.0.0.0/24, 240.0.0.0/4 }", _ns.Exec("nft", "list", "ruleset"), StringComparison.Ordinal);
        _batch.AddInterval(intervals, [11, 0, 0, 0], [11, 0, 0, 255]);
        _batch.AddInterval(intervals, [12, 0, 0, 0], [12, 0, 0, 255]);
        _batch.AddInterval(intervals, [10, 0, 0, 128], [10, 0, 1, 255]);

        Assert.Equal(2, Assert.Single(_nft.TryCommit(_batch)).Element);

        _batch.Reset();
        _batch.DeleteInterval(intervals, [240, 0, 0, 0], [255, 255, 255, 255]);
        _batch.DeleteInterval(intervals, [10, 0, 0, 0], [10, 0, 0, 255]);
        Commit();
        Assert.Empty(_nft.GetElements(intervals));
    }

    [Fact]
    public void A_batch_that_expects_an_older_generation_is_refused_as_a_whole()
    {
        var generation = _nft.GetGeneration();
        _batch.Reset(generation.Id);
        _batch.AddTable(Scratch);
        _nft.Commit(_batch);
        Assert.NotEqual(generation.Id, _nft.GetGeneration().Id);

        _batch.Reset(generation.Id);
        _batch.DeleteTable(Scratch);
        var error = Assert.Single(_nft.TryCommit(_batch));

        Assert.Equal((Errno.ERESTART, 0), (error.Kernel.Errno, error.Kernel.MessageIndex));
        Assert.NotNull(_nft.FindTable(NftFamily.IPv4, "scratch"));
    }

    [Fact]
    public void Chains_that_jump_in_a_circle_are_refused()
    {
        var base1 = new NftChain(Scratch, "base") { Base = new NftBaseChain(NftBaseChain.Filter, NftHook.Input, 0) };
        var loop = new NftChain(Scratch, "loop");
        _batch.AddTable(Scratch);
        _batch.AddChain(base1);
        _batch.AddChain(loop);
        _batch.AddRule(base1, static rule => rule.Jump("loop"));
        _batch.AddRule(loop, static rule => rule.Jump("loop"));

        var errors = _nft.TryCommit(_batch);

        Assert.Contains(errors, error => error.Kernel.Errno is Errno.ELOOP or 31);
        Assert.Empty(_nft.GetTables());
    }

    [Fact]
    public void A_table_goes_dormant_and_comes_back_in_one_batch()
    {
        _batch.AddTable(Table with { Flags = NftTableFlags.Dormant });
        _batch.AddChain(Pre);
        Commit();
        Assert.Contains("flags dormant", _ns.Exec("nft", "list", "ruleset"), StringComparison.Ordinal);

        _batch.AddTable(Table);
        Commit();

        Assert.DoesNotContain("flags dormant", _ns.Exec("nft", "list", "ruleset"), StringComparison.Ordinal);
        _batch.DeleteTable(Table);
        Commit();
        Assert.Empty(_ns.Exec("nft", "list", "ruleset"));
    }

    [Fact]
    public void Wrong_sizes_and_too_long_comments_are_refused_before_anything_is_written()
    {
        var before = _batch.Length;

        Assert.Throws<ArgumentException>(() => _batch.AddElement(Addresses, [1, 2, 3]));
        Assert.Throws<ArgumentException>(() => _batch.AddElement(Ports, [1, 2, 3, 4, 5, 6, 7, 8], [1, 2, 3, 4]));
        Assert.Throws<ArgumentException>(() => _batch.AddElement(Addresses, [1, 2, 3, 4], new string('x', 254)));

        Assert.Equal(before, _batch.Length);
        Assert.True(_batch.IsEmpty);
    }

    [Fact]
    public void A_batch_cannot_be_committed_twice_or_changed_afterwards()
    {
        _batch.AddTable(Scratch);
        _nft.Commit(_batch);

        Assert.Throws<InvalidOperationException>(() => _nft.Commit(_batch));
        Assert.Throws<InvalidOperationException>(() => _batch.AddTable(Scratch));
    }

    [Fact]
    public void Elements_are_added_and_committed_without_allocation()
    {
        _batch.AddTable(Scratch);
        _batch.AddSet(Addresses);
        _batch.AddSet(Ports);
        Commit();
        Fill(0);
        _nft.Commit(_batch);
        _batch.Reset();

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var round = 1; round < 20; round++)
        {
            Fill(round);
            _ = _nft.TryCommit(_batch);
            _batch.Reset();
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.Equal(20_000, _nft.GetElements(Ports).Count);

        void Fill(int round)
        {
            Span<byte> key = stackalloc byte[8];
            Span<byte> data = stackalloc byte[8];
            for (var number = 0; number < 1_000; number++)
            {
                BinaryPrimitives.WriteInt32BigEndian(key, (round * 1_000) + number);
                _batch.AddElement(Ports, key, data, "default/web:http");
            }

            _batch.AddElement(Addresses, key[..4], "a comment");
            _batch.DeleteElement(Addresses, key[..4]);
        }
    }

    private static string WithoutExpiry(string listing) => string.Join(
        '\n',
        listing.Split('\n').Select(line => line.IndexOf(" expires ", StringComparison.Ordinal) is >= 0 and var at ? line[..at] : line));

    private void Commit()
    {
        _nft.Commit(_batch);
        _batch.Reset();
    }

    private sealed class GivesUp : INftElementTarget
    {
        public void Begin()
        {
        }

        public bool Add(NftElementView element) => throw new NotSupportedException();
    }

    private sealed class CountingTarget : INftElementTarget
    {
        public HashSet<int> Keys { get; } = [];

        public void Begin() => Keys.Clear();

        public bool Add(NftElementView element)
        {
            Assert.Equal(8, element.Data.Length);
            return Keys.Add(BinaryPrimitives.ReadInt32BigEndian(element.Key));
        }
    }
}
