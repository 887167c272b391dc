using System.Collections.Immutable;
using Microsoft.Extensions.Time.Testing;
using ProxyFramework.Plugins.Schedulers;
using Xunit;
using static ProxyFramework.Userspace.Tests.Schedulers.Fixtures;

namespace ProxyFramework.Userspace.Tests.Schedulers;

/// <summary>Schedulers that look at connections or latency.</summary>
public sealed class LoadTests
{
    [Theory]
    [InlineData("lc", 1, 1, 1, 1)]
    [InlineData("wlc", 1, 2, 4, 1)]
    [InlineData("sed", 1, 2, 4, 1)]
    [InlineData("nq", 1, 2, 4, 1)]
    [InlineData("p2c", 1, 2, 4, 1)]
    public void Connections_of_unequal_length_are_spread_by_weight_where_turns_would_not(string name, params int[] weights)
    {
        var spread = Spread(Named(name), weights);
        var turns = Spread(Named("wrr"), weights);
        Assert.InRange(spread, 0, name == "p2c" ? 0.25 : 0.12);
        Assert.True(spread * 2 < turns, $"{name}: {spread:N3}, in turns {turns:N3}");
    }

    [Fact]
    public void Of_idle_endpoints_sed_prefers_the_heavier_and_nq_and_wlc_do_not()
    {
        Assert.Equal([1, 1, 1], Picks(Picker(Named("sed"), Group(1, 5, 1)), 3));
        Assert.Equal(3, Picks(Picker(Named("nq"), Group(1, 5, 1)), 3).Distinct().Count());
        Assert.Equal(3, Picks(Picker(Named("wlc"), Group(1, 5, 1)), 3).Distinct().Count());
    }

    [Fact]
    public void Nq_takes_an_idle_endpoint_where_sed_takes_a_busy_heavy_one()
    {
        var loads = Loads(2);
        loads[1].ConnectionOpened();
        Assert.Equal([1, 1], Picks(Picker(Named("sed"), Group(1, 100), loads), 2));
        Assert.Equal([0, 0], Picks(Picker(Named("nq"), Group(1, 100), loads), 2));
        loads[0].ConnectionOpened();
        Assert.Equal([1, 1], Picks(Picker(Named("nq"), Group(1, 100), loads), 2));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Two_choices_of_idle_endpoints_follow_the_weights(int seed)
    {
        ImmutableArray<Endpoint> group = Group(1, 2, 3, 10, 84);
        var picker = Picker(new PowerOfTwoChoicesScheduler(new Random(seed)), group);
        var counts = Count(picker, group.Length, Enumerable.Repeat(Connection, 50_000));

        // 99.9 % quantile of the chi-squared distribution with 4 degrees of freedom.
        Assert.InRange(ChiSquared(counts, group.Select(endpoint => 500.0 * endpoint.Weight)), 0, 18.47);
    }

    /// <summary>The paper's point: the fullest of n endpoints is log log n / log 2 above the mean, not √(ln n · mean).</summary>
    [Fact]
    public void Two_choices_keep_the_fullest_endpoint_near_the_mean()
    {
        Assert.InRange(Fullest(new PowerOfTwoChoicesScheduler(new Random(3))), 100, 104);
        Assert.True(Fullest(new RandomScheduler(new Random(3))) > 115);

        static int Fullest(IScheduler scheduler)
        {
            var loads = Loads(100);
            var picker = Picker(scheduler, Equal(100), loads);
            for (var i = 0; i < 10_000; i++)
            {
                loads[picker.Pick(Connection)].ConnectionOpened();
            }

            return loads.Max(load => load.ActiveConnections);
        }
    }

    [Fact]
    public void An_endpoint_that_answers_slowly_gets_few_connections_and_its_share_when_it_is_fast_again()
    {
        var rig = new LatencyRig(endpoints: 4);
        for (var i = 0; i < 4; i++)
        {
            rig.Latency[i] = TimeSpan.FromMilliseconds(10);
        }

        Assert.All(rig.Run(2000), count => Assert.InRange(count, 400, 600));
        rig.Latency[2] = TimeSpan.FromMilliseconds(100);
        Assert.InRange(rig.Run(2000)[2], 1, 100);
        rig.Latency[2] = TimeSpan.FromMilliseconds(10);
        rig.Run(6000);
        Assert.InRange(rig.Run(2000)[2], 300, 700);
    }

    [Fact]
    public void An_endpoint_that_never_answers_is_the_last_choice()
    {
        var rig = new LatencyRig(endpoints: 3);
        rig.Latency[0] = rig.Latency[1] = TimeSpan.FromMilliseconds(10);
        rig.Latency[2] = Timeout.InfiniteTimeSpan;
        Assert.InRange(rig.Run(1000)[2], 1, 3);
    }

    [Fact]
    public void Latency_is_remembered_when_the_group_changes()
    {
        var time = new FakeTimeProvider();
        var scheduler = new PeakEwmaScheduler(time, new Random(5));
        ImmutableArray<Endpoint> group = Equal(3);
        var loads = Loads(3);
        loads[0].AnswerReceived(TimeSpan.FromSeconds(1));
        loads[1].AnswerReceived(TimeSpan.FromMilliseconds(1));
        loads[2].AnswerReceived(TimeSpan.FromMilliseconds(1));
        var picker = scheduler.CreatePicker(Context(group, loads));
        Assert.DoesNotContain(0, Picks(picker, 200).Skip(20));

        // Its one slow answer has been seen by the picker that was; the next has only fast ones since then, and little time has passed.
        loads[0].AnswerReceived(TimeSpan.FromMilliseconds(1));
        picker = scheduler.CreatePicker(Context(group.RemoveAt(2), loads.RemoveAt(2), picker));
        Assert.DoesNotContain(0, Picks(picker, 200));
    }

    [Fact]
    public void An_address_stays_with_its_endpoint_until_that_is_overloaded_and_another_is_not()
    {
        var loads = Loads(3);
        var scheduler = Named("lblc");
        ImmutableArray<Endpoint> group = Group(4, 4, 4);
        var picker = Picker(scheduler, group, loads);
        var first = picker.Pick(Connection);
        for (var open = 0; open < 4; open++)
        {
            loads[first].ConnectionOpened();
            Assert.All(Clients(20), client => Assert.Equal(first, picker.Pick(client with { Destination = Connection.Destination })));
        }

        loads[first].ConnectionOpened();
        var second = picker.Pick(Connection);
        Assert.NotEqual(first, second);
        Assert.Equal(second, picker.Pick(Connection));

        // It stays there in a group that has changed around it.
        var gone = 3 - first - second;
        var changed = scheduler.CreatePicker(Context(group.RemoveAt(gone), loads.RemoveAt(gone), picker));
        Assert.Equal(group[second].Address, group.RemoveAt(gone)[changed.Pick(Connection)].Address);

        // Overloaded everywhere: it stays as well.
        foreach (var load in loads)
        {
            for (var open = 0; open < 10; open++)
            {
                load.ConnectionOpened();
            }
        }

        Assert.Equal(second, picker.Pick(Connection));
    }

    [Fact]
    public void Failover_goes_to_the_next_by_weight_only_when_the_first_is_gone()
    {
        ImmutableArray<Endpoint> group = Group(10, 30, 20);
        Assert.All(Picks(Picker(Named("fo"), group), 5), index => Assert.Equal(1, index));
        Assert.All(Picks(Picker(Named("fo"), group.RemoveAt(1)), 5), index => Assert.Equal(1, index));
        Assert.Equal([1], ((ISlotScheduler)Named("fo")).BuildSlots(group, 16).Slots);
    }

    [Fact]
    public void Overflow_fills_one_endpoint_after_the_other_up_to_its_weight()
    {
        var loads = Loads(3);
        var picker = Picker(Named("ovf"), Group(1, 3, 2), loads);
        List<int> order = [];
        for (var open = 0; open < 6; open++)
        {
            order.Add(picker.Pick(Connection));
            loads[order[^1]].ConnectionOpened();
        }

        Assert.Equal([1, 1, 1, 2, 2, 0], order);

        // All full: it goes on by weight.
        loads[1].ConnectionClosed();
        Assert.Equal(1, picker.Pick(Connection));
        loads[1].ConnectionOpened();
        for (var open = 0; open < 12; open++)
        {
            loads[picker.Pick(Connection)].ConnectionOpened();
        }

        Assert.Equal([3, 9, 6], loads.Select(load => load.ActiveConnections));
    }

    /// <summary>
    /// How unevenly connections per weight are spread, on the average of time, where one in ten is a hundred times as long as the others:
    /// the standard deviation over the mean.
    /// </summary>
    private static double Spread(IScheduler scheduler, int[] weights)
    {
        var group = Group(weights);
        var loads = Loads(weights.Length);
        var picker = Picker(scheduler, group, loads);
        var random = new Random(11);
        var ends = new PriorityQueue<int, int>();
        var (sum, samples) = (0.0, 0);
        for (var now = 0; now < 20_000; now++)
        {
            while (ends.TryPeek(out var ended, out var end) && end <= now)
            {
                ends.Dequeue();
                loads[ended].ConnectionClosed();
            }

            var index = picker.Pick(Connection);
            loads[index].ConnectionOpened();
            ends.Enqueue(index, now + (random.Next(10) == 0 ? 2000 : 20));
            if (now >= 4000)
            {
                var perWeight = loads.Zip(weights, (load, weight) => load.ActiveConnections / (double)weight).ToArray();
                var mean = perWeight.Average();
                sum += Math.Sqrt(perWeight.Average(value => (value - mean) * (value - mean))) / mean;
                samples++;
            }
        }

        return sum / samples;
    }

    /// <summary>Endpoints with latencies, asked one after the other on a clock that is moved.</summary>
    private sealed class LatencyRig(int endpoints)
    {
        private readonly FakeTimeProvider _time = new();
        private readonly ImmutableArray<EndpointLoad> _loads = Loads(endpoints);
        private IEndpointPicker? _picker;

        public TimeSpan[] Latency { get; } = new TimeSpan[endpoints];

        /// <summary>Makes connections, 10 ms apart, each of one request.</summary>
        public int[] Run(int connections)
        {
            _picker ??= Picker(new PeakEwmaScheduler(_time, new Random(5)), Equal(endpoints), _loads);
            var counts = new int[endpoints];
            for (var i = 0; i < connections; i++)
            {
                var index = _picker.Pick(Connection);
                counts[index]++;
                _loads[index].ConnectionOpened();
                _time.Advance(TimeSpan.FromMilliseconds(10));
                if (Latency[index] != Timeout.InfiniteTimeSpan)
                {
                    _loads[index].AnswerReceived(Latency[index]);
                    _loads[index].ConnectionClosed();
                }
            }

            return counts;
        }
    }
}
