using System.Collections.Immutable;

namespace ProxyFramework.Nftables.Tests;

/// <summary>Two schedulers: one with slots by weight, one that needs live counts.</summary>
internal sealed class Schedulers : ISchedulerCatalog
{
    public IReadOnlyCollection<string> Names => ["lc", "wrr"];

    public IScheduler? Find(string name) => name switch
    {
        "wrr" => new Weighted(),
        "lc" => new Counting(),
        _ => null,
    };

    private sealed class Weighted : ISlotScheduler
    {
        public string Name => "wrr";

        public bool NeedsLoads => false;

        public IEndpointPicker CreatePicker(PickerContext context) => throw new InvalidOperationException("slots are used");

        public SlotTable BuildSlots(ImmutableArray<Endpoint> endpoints, int maxSlots) => new(
            [.. endpoints.SelectMany((endpoint, index) => Enumerable.Repeat((ushort)index, endpoint.Weight))], SlotSelector.RoundRobin);
    }

    private sealed class Counting : IScheduler
    {
        public string Name => "lc";

        public bool NeedsLoads => true;

        public IEndpointPicker CreatePicker(PickerContext context) => throw new InvalidOperationException("it has no slots");
    }
}
