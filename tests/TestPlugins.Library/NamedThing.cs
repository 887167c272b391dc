namespace ProxyFramework.TestPlugins.Library;

/// <summary>What the good plugin depends on, so that a test can take it away.</summary>
public abstract class NamedThing
{
    public string Name => "good-scheduler";
}
