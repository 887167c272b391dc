using System.Collections.Immutable;
using ProxyFramework.Plugins.Schedulers;
using Xunit;
using static ProxyFramework.Userspace.Tests.Schedulers.Fixtures;

namespace ProxyFramework.Userspace.Tests.Schedulers;

public sealed class SchedulerTests
{
    [Fact]
    public void Round_robin_takes_one_after_the_other()
    {
        var picker = new RoundRobinScheduler().CreatePicker(Context(Group(1, 1, 1)));
        Assert.Equal([0, 1, 2, 0, 1, 2, 0], Picks(picker, 7));
    }

    [Fact]
    public void Round_robin_goes_on_at_the_endpoint_whose_turn_it_is_when_others_come_and_go()
    {
        var scheduler = new RoundRobinScheduler();
        var group = Group(1, 1, 1, 1);
        var picker = scheduler.CreatePicker(Context(group));
        Assert.Equal([0, 1], Picks(picker, 2));

        var withoutFirst = group.RemoveAt(0);
        picker = scheduler.CreatePicker(Context(withoutFirst, previous: picker));
        Assert.Equal([1, 2, 0], Picks(picker, 3));

        picker = scheduler.CreatePicker(Context(withoutFirst.RemoveAt(1), previous: picker));
        Assert.Equal([1, 0], Picks(picker, 2));
    }

    [Fact]
    public void Round_robin_starves_nobody_in_a_group_that_changes_at_every_pick()
    {
        var scheduler = new RoundRobinScheduler();
        var group = Group(1, 1, 1, 1, 1);
        var extra = new Endpoint(InetAddress.Parse("10.0.255.255"), 80);
        IEndpointPicker? picker = null;
        var counts = new int[6];
        for (var round = 0; round < 600; round++)
        {
            picker = scheduler.CreatePicker(Context(round % 2 == 0 ? group : group.Add(extra), previous: picker));
            counts[picker.Pick(Connection)]++;
        }

        Assert.All(counts.Take(5), count => Assert.InRange(count, 80, 130));
    }

    [Fact]
    public void Weighted_round_robin_spreads_the_heavy_endpoint_between_the_light_ones()
    {
        var picker = new WeightedRoundRobinScheduler().CreatePicker(Context(Group(5, 1, 1)));
        Assert.Equal([0, 0, 1, 0, 2, 0, 0], Picks(picker, 7));
        Assert.Equal([0, 0, 1, 0, 2, 0, 0], Picks(picker, 7));
    }

    [Fact]
    public void Weighted_round_robin_carries_on_when_another_endpoint_leaves()
    {
        var scheduler = new WeightedRoundRobinScheduler();
        var group = Group(2, 2, 1);
        var picker = scheduler.CreatePicker(Context(group));
        Assert.Equal(0, picker.Pick(Connection));

        // Endpoint 0 has just been served: it is the other's turn, not a new start.
        picker = scheduler.CreatePicker(Context(group.RemoveAt(2), previous: picker));
        Assert.Equal(1, picker.Pick(Connection));
    }

    [Fact]
    public void Weighted_round_robin_forgets_what_an_endpoint_owes_from_a_weight_it_no_longer_has()
    {
        var scheduler = new WeightedRoundRobinScheduler();
        var picker = scheduler.CreatePicker(Context(Group(60000, 60000)));
        Assert.Equal(0, picker.Pick(Connection));
        picker = scheduler.CreatePicker(Context(Group(1, 1), previous: picker));
        Assert.Equal(2, Picks(picker, 4).Count(index => index == 0));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Random_shares_follow_the_weights(int seed)
    {
        ImmutableArray<Endpoint> group = Group(1, 2, 3, 10, 84);
        var picker = new RandomScheduler(new Random(seed)).CreatePicker(Context(group));
        var counts = new int[group.Length];
        const int Draws = 100_000;
        for (var draw = 0; draw < Draws; draw++)
        {
            counts[picker.Pick(Connection)]++;
        }

        // 99.9 % quantile of the chi-squared distribution with 4 degrees of freedom.
        Assert.InRange(ChiSquared(counts, [.. group.Select(endpoint => Draws * endpoint.Weight / 100.0)]), 0, 18.47);
    }

    [Fact]
    public void Least_connections_takes_the_endpoint_with_the_fewest()
    {
        var loads = Loads(3);
        loads[0].ConnectionOpened();
        loads[2].ConnectionOpened();
        loads[2].ConnectionOpened();
        var picker = new LeastConnectionsScheduler().CreatePicker(Context(Group(1, 1, 1), loads));
        Assert.Equal([1, 1, 1], Picks(picker, 3));
    }

    [Fact]
    public void Least_connections_evens_out_long_and_short_connections()
    {
        var loads = Loads(4);
        var picker = new LeastConnectionsScheduler().CreatePicker(Context(Group(1, 9, 1, 1), loads));
        var random = new Random(7);
        var open = new List<int>();
        for (var step = 0; step < 10_000; step++)
        {
            if (open.Count < 40 || random.Next(2) == 0)
            {
                var index = picker.Pick(Connection);
                loads[index].ConnectionOpened();
                open.Add(index);
            }
            else
            {
                var victim = random.Next(open.Count);
                loads[open[victim]].ConnectionClosed();
                open.RemoveAt(victim);
            }
        }

        while (open.Count < 400)
        {
            var index = picker.Pick(Connection);
            loads[index].ConnectionOpened();
            open.Add(index);
        }

        Assert.InRange(loads.Max(load => load.ActiveConnections) - loads.Min(load => load.ActiveConnections), 0, 1);
    }

    [Fact]
    public void Least_connections_goes_round_among_equals()
    {
        var picker = new LeastConnectionsScheduler().CreatePicker(Context(Group(1, 1, 1), Loads(3)));
        Assert.Equal(3, Picks(picker, 3).Distinct().Count());
    }

    [Fact]
    public void Least_connections_refuses_to_pick_without_counts()
    {
        Assert.True(new LeastConnectionsScheduler().NeedsLoads);
        Assert.Throws<ArgumentException>(
            () => new LeastConnectionsScheduler().CreatePicker(new PickerContext { Endpoints = Group(1, 1) }));
    }

    [Theory]
    [InlineData("rr", 1, 1, 1)]
    [InlineData("wrr", 1, 2, 3)]
    public void Shares_are_exact_when_many_threads_pick_at_once(string name, int first, int second, int third)
    {
        int[] weights = [first, second, third];
        var picker = Named(name).CreatePicker(Context(Group(weights), Loads(3)));
        var counts = PickFromThreads(picker, 3, threads: 8, picksEach: 30_000);
        var unit = 240_000 / weights.Sum();
        Assert.Equal(weights.Select(weight => weight * unit), counts);
    }

    [Fact]
    public void Kernel_names_are_those_of_ipvs()
    {
        Assert.All(Every.OfType<IKernelScheduler>(), scheduler => Assert.Equal(scheduler.Name, scheduler.KernelName));
        string[] withoutKernel = ["p2c", "peak-ewma", "random", "ring-hash"];
        Assert.Equal(withoutKernel, Every.Where(scheduler => scheduler is not IKernelScheduler).Select(scheduler => scheduler.Name).Order());
    }
}
