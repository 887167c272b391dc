using System.Collections.Immutable;

namespace ProxyFramework.Userspace.Tests.Backend;

/// <summary>A scheduler that takes the first endpoint and shows the loads that the backend counts.</summary>
internal sealed class LoadSpy : IScheduler, IEndpointPicker
{
    public string Name => "load-spy";

    public bool NeedsLoads => true;

    public ImmutableArray<EndpointLoad> Loads { get; private set; } = [];

    public IEndpointPicker CreatePicker(PickerContext context)
    {
        Loads = context.Loads;
        return this;
    }

    public int Pick(in ConnectionKey connection) => 0;
}
