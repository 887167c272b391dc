using ProxyFramework.TestPlugins.Library;

namespace ProxyFramework.TestPlugins.Good;

public sealed class GoodScheduler : NamedThing, IScheduler
{
    public bool NeedsLoads => false;

    public IEndpointPicker CreatePicker(PickerContext context) => new First();

    private sealed class First : IEndpointPicker
    {
        public int Pick(in ConnectionKey connection) => 0;
    }
}
