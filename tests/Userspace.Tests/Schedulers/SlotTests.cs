using CsCheck;
using ProxyFramework.Plugins.Schedulers;
using Xunit;
using static ProxyFramework.Userspace.Tests.Schedulers.Fixtures;

namespace ProxyFramework.Userspace.Tests.Schedulers;

public sealed class SlotTests
{
    [Fact]
    public void Round_robin_has_one_slot_an_endpoint()
    {
        var table = new RoundRobinScheduler().BuildSlots(Group(5, 1, 1), 64);
        Assert.Equal([0, 1, 2], table.Slots);
        Assert.Equal(SlotSelector.RoundRobin, table.Selector);
    }

    [Fact]
    public void Weights_are_reduced_by_their_greatest_common_divisor()
    {
        var table = new RandomScheduler().BuildSlots(Group(100, 200, 300), 64);
        Assert.Equal([0, 1, 1, 2, 2, 2], table.Slots);
        Assert.Equal(SlotSelector.Random, table.Selector);
    }

    [Fact]
    public void Weighted_round_robin_lays_its_slots_out_evenly() =>
        Assert.Equal([0, 0, 1, 0, 2, 0, 0], new WeightedRoundRobinScheduler().BuildSlots(Group(5, 1, 1), 64).Slots);

    [Fact]
    public void Equal_weights_need_one_slot_each_however_large_they_are() =>
        Assert.Equal(3, new RandomScheduler().BuildSlots(Group(65535, 65535, 65535), 3).Slots.Length);

    [Fact]
    public void Too_many_slots_are_apportioned_by_largest_remainders()
    {
        // Due: 4.7, 3.4, 1.9 of 10.
        var slots = new RandomScheduler().BuildSlots(Group(47, 34, 19), 10).Slots;
        Assert.Equal([5, 3, 2], slots.GroupBy(slot => slot).OrderBy(group => group.Key).Select(group => group.Count()));
    }

    [Fact]
    public void A_table_smaller_than_the_group_is_refused() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new RandomScheduler().BuildSlots(Group(1, 1), 1));

    [Fact]
    public void Every_endpoint_keeps_a_slot_and_shares_are_as_near_as_slots_allow() =>
        Gen.Select(Gen.Int[1, 65535].Array[1, 40], Gen.Int[0, 200]).Sample((weights, spare) =>
        {
            var group = Group(weights);
            var maxSlots = weights.Length + spare;
            ISlotScheduler[] schedulers = [new RandomScheduler(), new WeightedRoundRobinScheduler(), new SourceHashScheduler()];
            foreach (var scheduler in schedulers)
            {
                var slots = scheduler.BuildSlots(group, maxSlots).Slots;
                Assert.InRange(slots.Length, weights.Length, maxSlots);
                Assert.Equal(slots, scheduler.BuildSlots(group, maxSlots).Slots);
                var counts = new int[weights.Length];
                foreach (var slot in slots)
                {
                    counts[slot]++;
                }

                Assert.All(counts, count => Assert.True(count >= 1));

                // A heavier endpoint never has fewer slots.
                foreach (var (lighter, heavier) in
                    from left in Enumerable.Range(0, weights.Length)
                    from right in Enumerable.Range(0, weights.Length)
                    where weights[left] < weights[right]
                    select (left, right))
                {
                    Assert.True(counts[lighter] <= counts[heavier]);
                }
            }
        });
}
