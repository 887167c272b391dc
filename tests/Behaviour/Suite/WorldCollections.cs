using System.Collections.Concurrent;
using ProxyFramework.Behaviour.Testbed;
using Xunit;
using Xunit.v3;

[assembly: CollectionBehavior(typeof(ProxyFramework.Behaviour.Suite.WorldCollections))]

namespace ProxyFramework.Behaviour.Suite;

/// <summary>
/// Which classes share a world. Each has its own, so that they run side by side; where the machine is slow, so that starting the
/// proxy takes longest, all that want the same kind of world share one, one class after the other.
/// </summary>
/// <param name="assembly">This one.</param>
public sealed class WorldCollections(IXunitTestAssembly assembly) : IXunitTestCollectionFactory
{
    private readonly ConcurrentDictionary<string, IXunitTestCollection> _collections = new();

    public string DisplayName => Pace.Factor == 1 ? "a world for each class" : "a world for each kind";

    public IXunitTestCollection Get(Type testClass)
    {
        ArgumentNullException.ThrowIfNull(testClass);
        var world = WorldOf(testClass);
        var name = world is null || Pace.Factor == 1 ? testClass.FullName! : world.Name;
        return _collections.GetOrAdd(
            name, _ => new XunitTestCollection(assembly, world is null ? null : typeof(Collection<>).MakeGenericType(world), disableParallelization: false, name));
    }

    private static Type? WorldOf(Type testClass)
    {
        for (var type = testClass; type is not null; type = type.BaseType)
        {
            if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(ScenarioBase<>))
            {
                return type.GenericTypeArguments[0];
            }
        }

        return null;
    }

    private sealed class Collection<TWorld> : ICollectionFixture<TWorld>
        where TWorld : World;
}
