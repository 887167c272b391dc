using System.Collections.Immutable;
using CsCheck;
using Xunit;
using static ProxyFramework.Userspace.Tests.Schedulers.Fixtures;

namespace ProxyFramework.Userspace.Tests.Schedulers;

/// <summary>What holds for each scheduler, whatever it does.</summary>
public sealed class EverySchedulerTests
{
    public static TheoryData<string> All => [.. Every.Select(scheduler => scheduler.Name)];

    /// <summary>All but those that are meant to leave endpoints idle.</summary>
    public static TheoryData<string> Sharing => [.. Every.Select(scheduler => scheduler.Name).Except(["fo", "ovf"])];

    [Fact]
    public void There_are_those_that_the_field_has_names_for() => Assert.Equal(
        ["dh", "fo", "lblc", "lc", "mh", "nq", "ovf", "p2c", "peak-ewma", "random", "ring-hash", "rr", "sed", "sh", "wlc", "wrr"],
        Every.Select(scheduler => scheduler.Name));

    [Theory]
    [MemberData(nameof(All))]
    public void A_pick_allocates_nothing(string name)
    {
        var loads = Loads(3);
        var picker = Picker(Named(name), Group(1, 2, 3), loads);
        var clients = Clients(100);
        var sum = picker.Pick(Connection);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var pick = 0; pick < 10_000; pick++)
        {
            var index = picker.Pick(clients[pick % clients.Length]);
            loads[index].ConnectionOpened();
            loads[index].AnswerReceived(TimeSpan.FromMilliseconds(1));
            sum += index;
        }

        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
        Assert.True(sum > 0);
    }

    [Theory]
    [MemberData(nameof(Sharing))]
    public void Many_threads_get_valid_picks_and_nobody_starves(string name)
    {
        var picker = Picker(Named(name), Equal(4));
        Assert.All(PickFromThreads(picker, 4, threads: 8, picksEach: 20_000), count => Assert.InRange(count, 30_000, 50_000));
    }

    [Theory]
    [MemberData(nameof(All))]
    public void A_single_endpoint_takes_all(string name)
    {
        var loads = Loads(1);
        var picker = Picker(Named(name), Group(3), loads);
        Assert.All(Clients(100), client =>
        {
            Assert.Equal(0, picker.Pick(client));
            loads[0].ConnectionOpened();
        });
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Picks_stay_within_a_group_that_changes_at_random_under_load(string name) =>
        Gen.Int[0, int.MaxValue].Sample(seed =>
        {
            var scheduler = Named(name);
            var random = new Random(seed);
            var clients = Clients(50, seed);
            var everyone = Enumerable.Range(0, 12).Select(index => (Address: InetAddress.FromIPv4(0x0A00_0001u + (uint)index), Load: new EndpointLoad())).ToList();
            IEndpointPicker? picker = null;
            for (var change = 0; change < 10; change++)
            {
                var members = everyone.Where(_ => random.Next(3) > 0).DefaultIfEmpty(everyone[0]).ToList();
                ImmutableArray<Endpoint> group = [.. members.Select(member => new Endpoint(member.Address, 80, (ushort)random.Next(1, change % 2 == 0 ? 65536 : 4)))];
                picker = scheduler.CreatePicker(Context(group, [.. members.Select(member => member.Load)], picker));
                foreach (var client in clients)
                {
                    var index = picker.Pick(client);
                    Assert.InRange(index, 0, group.Length - 1);
                    var load = members[index].Load;
                    load.ConnectionOpened();
                    if (random.Next(2) == 0)
                    {
                        load.AnswerReceived(TimeSpan.FromMicroseconds(random.Next(100_000)));
                        load.ConnectionClosed();
                    }
                }
            }
        }, iter: 20);

    [Theory]
    [MemberData(nameof(All))]
    public void What_counts_connections_refuses_to_pick_without_counts(string name)
    {
        var scheduler = Named(name);
        var context = new PickerContext { Endpoints = Group(1, 1) };
        if (scheduler.NeedsLoads)
        {
            Assert.Throws<ArgumentException>(() => scheduler.CreatePicker(context));
        }
        else
        {
            Assert.InRange(scheduler.CreatePicker(context).Pick(Connection), 0, 1);
        }
    }

    [Fact]
    public void A_table_of_slots_and_the_need_for_counts_exclude_each_other() =>
        Assert.All(Every.OfType<ISlotScheduler>(), scheduler => Assert.False(scheduler.NeedsLoads, scheduler.Name));

    [Fact]
    public void An_option_that_is_not_known_or_not_in_range_is_refused_by_name()
    {
        Assert.All(Every.OfType<IConfigurableScheduler>(), scheduler => Assert.Contains(
            "no option 'colour'", Assert.Throws<ArgumentException>(() => Named(scheduler.Name, "colour=red")).Message, StringComparison.Ordinal));
        Assert.Contains("'70000' is not a whole number between 251 and 65521", Refusal("mh", "table=70000"), StringComparison.Ordinal);
        Assert.Contains("'1000.5' is not a whole number", Refusal("mh", "table=1000.5"), StringComparison.Ordinal);
        Assert.Contains("'0.9' is not a number between 1.01 and 10", Refusal("ring-hash", "bound=0.9"), StringComparison.Ordinal);
        Assert.Contains("'maybe' is neither true nor false", Refusal("sh", "port=maybe"), StringComparison.Ordinal);
        Assert.Contains("'0' is not a number between 1 and 600", Refusal("peak-ewma", "decay=0"), StringComparison.Ordinal);

        static string Refusal(string name, string option) => Assert.Throws<ArgumentException>(() => Named(name, option)).Message;
    }
}
