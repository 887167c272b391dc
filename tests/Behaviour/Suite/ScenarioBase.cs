using System.Net;
using System.Runtime.CompilerServices;
using ProxyFramework.Behaviour.Testbed;
using Xunit;

namespace ProxyFramework.Behaviour.Suite;

/// <summary>
/// Base of the classes that hold scenarios. All scenarios of a class share one world (<see cref="WorldCollections"/>) and so one running proxy; each has Services
/// of its own and takes them away at its end.
/// </summary>
public abstract class ScenarioBase<TWorld>
    where TWorld : World
{
    protected const Family V4 = Family.IPv4;
    protected const Family V6 = Family.IPv6;

    private readonly List<ServiceSpec> _services = [];

    protected ScenarioBase(TWorld world)
    {
        World = world;
    }

    protected TWorld World { get; }

    protected Place Client => World.Client;

    protected Place Node => World.Node;

    protected Pod Pod1 => World.Pod1;

    protected Pod Pod2 => World.Pod2;

    protected Pod Pod3 => World.Pod3;

    protected Pod Remote1 => World.Remote1;

    protected Pod Remote2 => World.Remote2;

    /// <summary>The node's InternalIP.</summary>
    protected static IPAddress NodeAddress(Family family) => Testbed.World.NodeAddress(family);

    /// <summary>The node's other address, on the client's side.</summary>
    protected static IPAddress NodeAddressTowardsClient(Family family) => Testbed.World.NodeAddressTowardsClient(family);

    /// <summary>A Service that is taken away when the scenario ends.</summary>
    protected ServiceSpec Service(string name)
    {
        var service = World.Service(name);
        _services.Add(service);
        return service;
    }

    /// <summary>Runs a scenario, or what the table of exceptions says of it for the backend under test.</summary>
    /// <param name="asSpecified">What every backend should hold.</param>
    /// <param name="weaker">What a backend under an exception must hold at least.</param>
    /// <param name="name">The scenario's name, by the compiler.</param>
    protected async Task HoldsAsync(Func<Task> asSpecified, Func<Task>? weaker = null, [CallerMemberName] string name = "")
    {
        ArgumentNullException.ThrowIfNull(asSpecified);
        var scenario = $"{GetType().Name}.{name}";
        var exception = Exceptions.Find(TestedBackend.Mode, scenario);
        var result = "Failed";
        try
        {
            if (exception is null)
            {
                await asSpecified();
            }
            else if (exception.Instead is not null)
            {
                Assert.True(weaker is not null, $"{scenario} has no weaker form; the exception of {exception.Backend} must do without 'instead'");
                await weaker();
            }
            else
            {
                TestContext.Current.TestOutputHelper?.WriteLine($"not held by {exception.Backend}: {exception.Reason}");
            }

            result = "Passed";
        }
        finally
        {
            SuiteReport.Record(scenario, result, exception);
            World.Forget(_services);
        }
    }

    /// <summary>Asks once for each endpoint and more, until all of these pods and no other have answered.</summary>
    protected static async Task ShouldSpreadOverAsync(Place from, Target target, params Pod[] pods)
    {
        ArgumentNullException.ThrowIfNull(from);
        ArgumentNullException.ThrowIfNull(pods);
        var seen = new HashSet<string>();
        for (var i = 0; i < 10 * pods.Length || (seen.Count < pods.Length && i < 100); i++)
        {
            seen.Add((await from.AskAsync(target)).ShouldComeFrom(pods).Server);
        }

        Assert.True(seen.Count == pods.Length, $"{target} from {from}: only {string.Join(", ", seen)} answered of {string.Join(", ", pods.Select(pod => pod.Name))}");
    }
}
