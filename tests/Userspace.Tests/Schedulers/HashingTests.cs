using System.Collections.Immutable;
using CsCheck;
using Xunit;
using static ProxyFramework.Userspace.Tests.Schedulers.Fixtures;

namespace ProxyFramework.Userspace.Tests.Schedulers;

/// <summary>Schedulers that send the same client the same way: shares, what moves when a group changes, the bound of loads.</summary>
public sealed class HashingTests
{
    private const int Keys = 20_000;

    [Theory]
    [InlineData("sh", 1)]
    [InlineData("sh", 2)]
    [InlineData("mh", 1)]
    [InlineData("mh", 2)]
    [InlineData("dh", 1)]
    [InlineData("dh", 2)]
    public void Shares_of_clients_follow_the_weights(string name, int seed)
    {
        ImmutableArray<Endpoint> group = Group(10, 20, 30, 40);
        var counts = Count(Picker(Named(name), group), group.Length, Clients(Keys, seed));

        // 99.9 % quantile of the chi-squared distribution with 3 degrees of freedom.
        Assert.InRange(ChiSquared(counts, group.Select(endpoint => Keys * endpoint.Weight / 100.0)), 0, 16.27);
    }

    [Fact]
    public void Shares_on_the_ring_come_near_the_weights_the_more_places_there_are()
    {
        ImmutableArray<Endpoint> group = Group(10, 20, 30, 40);
        var counts = Count(Picker(Named("ring-hash", "replicas=1000"), group), group.Length, Clients(Keys));
        Assert.All(counts.Zip(group), pair => Assert.InRange(pair.First, Keys * pair.Second.Weight / 100.0 * 0.9, Keys * pair.Second.Weight / 100.0 * 1.1));
    }

    [Theory]
    [InlineData("sh")]
    [InlineData("mh")]
    [InlineData("ring-hash")]
    public void A_client_keeps_its_endpoint_whatever_its_port_unless_ports_are_to_count(string name)
    {
        ImmutableArray<Endpoint> group = Equal(10);
        var connections = Enumerable.Range(1024, 200).Select(port => Connection with { SourcePort = (ushort)port }).ToArray();
        Assert.Single(connections.Select(connection => Picker(Named(name), group).Pick(connection)).Distinct());
        var withPorts = Picker(Named(name, "port=true"), group);
        Assert.Equal(10, connections.Select(connection => withPorts.Pick(connection)).Distinct().Count());
    }

    [Fact]
    public void A_destination_keeps_its_endpoint_whoever_the_client_is()
    {
        var picker = Picker(Named("dh"), Equal(10));
        Assert.Single(Clients(200).Select(client => picker.Pick(client with { Destination = Connection.Destination })).Distinct());
    }

    /// <summary>Nodes that disagree would send a client, whose packets another node gets, elsewhere: the answer is for ever.</summary>
    [Fact]
    public void The_choice_is_the_same_in_every_process_and_version()
    {
        ImmutableArray<Endpoint> group = Equal(100);
        ConnectionKey[] clients = [.. new[] { "192.0.2.1", "192.0.2.2", "10.244.1.17", "2001:db8::1", "fd00:10:244::5" }.Select(client => Connection with { Source = InetAddress.Parse(client) })];
        var choices = new[] { "mh", "ring-hash", "sh" }.Select(name => $"{name}: {string.Join(' ', clients.Select(client => Picker(Named(name), group).Pick(client)))}");
        Assert.Equal("mh: 5 74 48 28 86, ring-hash: 27 76 92 84 35, sh: 56 44 11 31 10", string.Join(", ", choices));
    }

    /// <summary>Its own clients must move, 1 in 10; Maglev moves a few more (§5.3 of the paper), and a ring none.</summary>
    [Theory]
    [InlineData("mh", "port=false", 0.04)]
    [InlineData("mh", "table=65521", 0.015)]
    [InlineData("ring-hash", "port=false", 0)]
    [InlineData("ring-hash", "bound=none", 0)]
    public void When_an_endpoint_leaves_few_clients_move_but_its_own(string name, string option, double excess)
    {
        for (var leaving = 0; leaving < 10; leaving++)
        {
            var (own, others) = Moved(Named(name, option), 10, leaving);
            Assert.InRange(own, 0.07, 0.13);
            Assert.InRange(others, 0, excess);
        }
    }

    [Fact]
    public void Source_hash_moves_most_clients_which_is_what_the_others_are_for() =>
        Assert.True(Moved(Named("sh"), 10, 4).Others > 0.3);

    [Theory]
    [InlineData("mh")]
    [InlineData("ring-hash")]
    [InlineData("sh")]
    public void An_endpoint_that_comes_back_has_its_clients_back(string name)
    {
        var scheduler = Named(name);
        ImmutableArray<Endpoint> group = Equal(7);
        var clients = Clients(1000);
        var before = clients.Select(client => Picker(scheduler, group).Pick(client)).Take(50).ToArray();
        var without = scheduler.CreatePicker(Context(group.RemoveAt(3), Loads(6)));
        var after = scheduler.CreatePicker(Context(group, Loads(7), without));
        Assert.Equal(before, clients.Take(50).Select(client => after.Pick(client)));
    }

    [Fact]
    public void A_tenth_of_the_weight_more_moves_about_as_many_clients()
    {
        var clients = Clients(Keys);
        var before = Picker(Named("mh"), Group(10, 10, 10, 10));
        var after = Picker(Named("mh"), Group(11, 10, 10, 10));
        var moved = clients.Count(client => before.Pick(client) != after.Pick(client)) / (double)Keys;
        Assert.InRange(moved, 0.01, 0.12);
    }

    [Theory]
    [InlineData(1.25)]
    [InlineData(2)]
    public void No_endpoint_has_more_than_the_bound_even_where_all_connections_are_of_one_client(double bound)
    {
        ImmutableArray<Endpoint> group = Group(1, 1, 2, 4, 1, 1, 1, 1);
        var loads = Loads(group.Length);
        var picker = Picker(Named("ring-hash", FormattableString.Invariant($"bound={bound}")), group, loads);
        var first = picker.Pick(Connection);
        for (var open = 1; open <= 2400; open++)
        {
            loads[picker.Pick(Connection)].ConnectionOpened();
            for (var index = 0; index < group.Length; index++)
            {
                Assert.InRange(loads[index].ActiveConnections, 0, Math.Ceiling(bound * open * group[index].Weight / 12));
            }
        }

        Assert.Equal(Math.Ceiling(bound * 2400 * group[first].Weight / 12), loads[first].ActiveConnections);
    }

    [Fact]
    public void A_table_of_a_ring_without_a_bound_agrees_with_the_ring()
    {
        var scheduler = Assert.IsAssignableFrom<ISlotScheduler>(Named("ring-hash", "bound=none"));
        Assert.False(scheduler.NeedsLoads);
        Assert.IsNotAssignableFrom<ISlotScheduler>(Named("ring-hash"));
        ImmutableArray<Endpoint> group = Equal(10);
        var before = scheduler.BuildSlots(group, 1024);
        var after = scheduler.BuildSlots(group.RemoveAt(9), 1024);
        Assert.Equal(SlotSelector.SourceHash, before.Selector);
        Assert.Equal(1024, before.Slots.Length);
        Assert.All(before.Slots.Zip(after.Slots).Where(pair => pair.First != 9), pair => Assert.Equal(pair.First, pair.Second));
    }

    [Fact]
    public void A_maglev_table_has_a_prime_size_and_even_shares()
    {
        var table = ((ISlotScheduler)Named("mh")).BuildSlots(Equal(10), 1024);
        Assert.Equal(1021, table.Slots.Length);
        Assert.Equal(SlotSelector.SourceHash, table.Selector);
        Assert.Equal(SlotSelector.ConnectionHash, ((ISlotScheduler)Named("mh", "port=true")).BuildSlots(Equal(10), 1024).Selector);
        var counts = table.Slots.CountBy(slot => slot).Select(pair => pair.Value).ToArray();
        Assert.InRange(counts.Max() - counts.Min(), 0, 1);
    }

    [Fact]
    public void Every_endpoint_has_a_place_in_a_maglev_table_and_shares_are_near_the_weights() =>
        Gen.Select(Gen.Int[1, 65535].Array[1, 60], Gen.Int[0, 1000]).Sample((weights, spare) =>
        {
            var group = Group(weights);
            var maxSlots = weights.Length + spare;
            var slots = ((ISlotScheduler)Named("mh")).BuildSlots(group, maxSlots).Slots;
            Assert.InRange(slots.Length, weights.Length, maxSlots);
            var counts = new int[weights.Length];
            foreach (var slot in slots)
            {
                counts[slot]++;
            }

            Assert.All(counts, count => Assert.True(count >= 1));

            // Turns go on until the table is full, which cuts the last round.
            double total = weights.Sum(weight => (long)weight);
            Assert.All(counts.Zip(weights), pair => Assert.InRange(pair.First, (pair.Second / total * slots.Length * 0.8) - weights.Length, (pair.Second / total * slots.Length * 1.2) + weights.Length));
        });

    [Fact]
    public void The_kernel_is_told_to_hash_ports_and_never_to_refuse_clients_of_a_draining_endpoint()
    {
        // IP_VS_SVC_F_SCHED1 and IP_VS_SVC_F_SCHED2 of linux/ip_vs.h.
        foreach (var name in (string[])["sh", "mh"])
        {
            Assert.Equal(0x8u, ((IKernelScheduler)Named(name)).KernelFlags);
            Assert.Equal(0x18u, ((IKernelScheduler)Named(name, "port=true")).KernelFlags);
        }
    }

    /// <summary>The shares of all clients that move when an endpoint leaves: its own, and others.</summary>
    private static (double Own, double Others) Moved(IScheduler scheduler, int count, int leaving)
    {
        ImmutableArray<Endpoint> group = Equal(count);
        var before = Picker(scheduler, group);
        var after = Picker(scheduler, group.RemoveAt(leaving));
        var (own, others) = (0, 0);
        foreach (var client in Clients(Keys))
        {
            var was = before.Pick(client);
            var now = after.Pick(client);
            own += was == leaving ? 1 : 0;
            others += was != leaving && was != (now < leaving ? now : now + 1) ? 1 : 0;
        }

        return (own / (double)Keys, others / (double)Keys);
    }
}
