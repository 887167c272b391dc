namespace ProxyFramework.KernelBackends;

/// <summary>
/// Finds the slots of a group: by the service's scheduler, else by the mode's default, else one slot an endpoint chosen at random.
/// </summary>
/// <param name="mode">The mode's name, for notices.</param>
/// <param name="schedulers">The schedulers that are loaded.</param>
/// <param name="defaultScheduler">The scheduler of services that ask for none; null for random.</param>
public sealed class SlotTables(string mode, ISchedulerCatalog schedulers, string? defaultScheduler)
{
    /// <summary>The most slots a group is cut into; a group with more endpoints has one slot for each.</summary>
    public const int MaxSlots = 1024;

    /// <summary>By the number of endpoints: one slot for each.</summary>
    private readonly Dictionary<int, SlotTable> _random = [];

    /// <summary>The slots of a group that forwards.</summary>
    /// <param name="service">Whose it is.</param>
    /// <param name="group">The group, with one endpoint at least.</param>
    /// <param name="maxSlots">The most slots; a group with more endpoints has one slot for each all the same.</param>
    public SlotTable For(ServicePort service, EndpointGroup group, int maxSlots = MaxSlots)
    {
        var scheduler = SlotScheduler(service.Scheduler) ?? SlotScheduler(defaultScheduler);
        var count = group.Endpoints.Length;
        return scheduler?.BuildSlots(group.Endpoints, Math.Max(maxSlots, count)) ?? OneForEach(count);
    }

    /// <summary>What the operator should know where the scheduler asked for cannot be honoured; null where it can.</summary>
    public string? NoticeFor(ServicePort service)
    {
        var wanted = service.Scheduler ?? defaultScheduler;
        if (wanted is null || SlotScheduler(wanted) is not null)
        {
            return null;
        }

        var instead = SlotScheduler(defaultScheduler)?.Name ?? "random";
        return schedulers.Find(wanted) is null
            ? $"{schedulers.WhyNot(wanted)}; '{instead}' is used"
            : $"scheduler '{wanted}' cannot be written as a table of slots, which mode {mode} needs; '{instead}' is used";
    }

    private SlotTable OneForEach(int count)
    {
        if (!_random.TryGetValue(count, out var table))
        {
            table = new SlotTable([.. Enumerable.Range(0, count).Select(static slot => (ushort)slot)], SlotSelector.Random);
            _random.Add(count, table);
        }

        return table;
    }

    private ISlotScheduler? SlotScheduler(string? name) => name is null ? null : schedulers.Find(name) as ISlotScheduler;
}
