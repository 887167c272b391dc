using System.Collections.Immutable;

namespace ProxyFramework.Nftables.Tests;

/// <summary>Schedulers: with slots by weight, by hashes, one that fails, one that needs live counts.</summary>
internal sealed class Schedulers : ISchedulerCatalog
{
    public IReadOnlyCollection<string> Names => ["broken", "lc", "mh", "sh", "wrr"];

    public IScheduler? Find(string name) => name switch
    {
        "wrr" => new Slots("wrr", SlotSelector.RoundRobin),
        "sh" => new Slots("sh", SlotSelector.SourceHash),
        "mh" => new Slots("mh", SlotSelector.ConnectionHash),
        "broken" => new Broken(),
        "lc" => new Counting(),
        _ => null,
    };

    private sealed class Slots(string name, SlotSelector selector) : ISlotScheduler
    {
        public string Name => name;

        public bool NeedsLoads => false;

        public IEndpointPicker CreatePicker(PickerContext context) => throw new InvalidOperationException("slots are used");

        public SlotTable BuildSlots(ImmutableArray<Endpoint> endpoints, int maxSlots) => new(
            [.. endpoints.SelectMany((endpoint, index) => Enumerable.Repeat((ushort)index, endpoint.Weight))], selector);
    }

    private sealed class Broken : ISlotScheduler
    {
        public string Name => "broken";

        public bool NeedsLoads => false;

        public IEndpointPicker CreatePicker(PickerContext context) => throw new InvalidOperationException("slots are used");

        public SlotTable BuildSlots(ImmutableArray<Endpoint> endpoints, int maxSlots) => throw new ArithmeticException("the plugin divides by zero");
    }

    private sealed class Counting : IScheduler
    {
        public string Name => "lc";

        public bool NeedsLoads => true;

        public IEndpointPicker CreatePicker(PickerContext context) => throw new InvalidOperationException("it has no slots");
    }
}
