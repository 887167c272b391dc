using ProxyFramework.Behaviour.Suite;
using ProxyFramework.Behaviour.Testbed;
using Xunit;

namespace ProxyFramework.Behaviour.Scenarios;

/// <summary>UDP clients that keep their source port: none stays stuck on a dead address, none is moved without need.</summary>
[Semantics("Connections")]
public sealed class UdpScenarios(StandardWorld world) : ScenarioBase<StandardWorld>(world)
{
    [Fact]
    [Trap("#125467")]
    [Trap("#48370")]
    public Task A_flow_moves_on_when_its_endpoint_goes() => HoldsAsync(async () =>
    {
        var dns = Service("dns").Port(53, Pod.WebPort, Protocol.Udp).AllFrontends().Endpoints(Pod1);
        await World.ApplyAsync(dns);
        using var flows = await OpenAsync(dns, Pod1);
        await World.ApplyAsync(dns.Endpoints(Pod2));
        await flows.ShouldComeFromAsync(Pod2);
        await World.ApplyAsync(dns.Endpoints(Remote1));
        await flows.ShouldComeFromAsync(Remote1);
    });

    [Fact]
    [Trap("#126130")]
    public Task A_flow_that_was_refused_is_served_when_an_endpoint_comes() => HoldsAsync(async () =>
    {
        var dns = Service("dns").Port(53, Pod.WebPort, Protocol.Udp).AllFrontends();
        await World.ApplyAsync(dns);
        using var flows = Open(dns);
        foreach (var flow in flows.All)
        {
            (await flow.AskAsync()).ShouldBeRefused();
        }

        await World.ApplyAsync(dns.Endpoints(Pod1));
        await flows.ShouldComeFromAsync(Pod1);
        await World.ApplyAsync(dns.NoEndpoints());
        foreach (var flow in flows.All)
        {
            (await flow.AskAsync()).ShouldBeRefused();
        }
    });

    [Fact]
    [Trap("#122740")]
    public Task A_flow_that_is_older_than_its_service_is_served_when_the_service_comes() => HoldsAsync(
        async () => await OlderThanServiceAsync(dns => Open(dns)),
        weaker: async () => await OlderThanServiceAsync(dns => new Flows([.. Families.Both.SelectMany(family => dns.Frontends(family)).Select(target => Client.OpenFlow(target))])));

    [Fact]
    public Task A_flow_ends_with_its_service() => HoldsAsync(async () =>
    {
        var dns = Service("dns").Port(53, Pod.WebPort, Protocol.Udp).AllFrontends().Endpoints(Pod1);
        await World.ApplyAsync(dns);
        using var flows = await OpenAsync(dns, Pod1);
        await World.RemoveAsync(dns);
        foreach (var flow in flows.All)
        {
            (await flow.AskAsync(Place.Silence)).ShouldNotBeServed();
        }
    });

    [Fact]
    [Trap("#45976")]
    public Task A_terminating_endpoint_keeps_its_flows_until_it_is_gone() => HoldsAsync(async () =>
    {
        var dns = Service("dns").Port(53, Pod.WebPort, Protocol.Udp).AllFrontends().Endpoints(Pod1);
        await World.ApplyAsync(dns);
        using var flows = await OpenAsync(dns, Pod1);
        await World.ApplyAsync(dns.Endpoints(EndpointSpec.Terminates(Pod1), EndpointSpec.Of(Pod2)));
        await flows.ShouldComeFromAsync(Pod1);
        (await Client.AskAsync(dns.ClusterIP())).ShouldComeFrom(Pod2);
        await World.ApplyAsync(dns.Endpoints(Pod2));
        await flows.ShouldComeFromAsync(Pod2);
    });

    [Fact]
    [Trap("#122740")]
    public Task Flows_to_other_endpoints_and_services_stay_where_they_are() => HoldsAsync(async () =>
    {
        var dns = Service("dns").Port(53, Pod.WebPort, Protocol.Udp).AllFrontends().Endpoints(Pod1);
        var other = Service("other").Port(53, Pod.WebPort, Protocol.Udp).AllFrontends().Endpoints(Pod2);
        await World.ApplyAsync(dns, other);
        using var flows = await OpenAsync(dns, Pod1);
        using var others = await OpenAsync(other, Pod2);

        // More endpoints to choose from, one that comes and goes, another service: no reason to move.
        await World.ApplyAsync(dns.Endpoints(Pod1, Pod2, Pod3, Remote1), other.Endpoints(Pod1, Pod2));
        await World.ApplyAsync(dns.Endpoints(Pod1, Pod3), other.Endpoints(Pod2, Remote2), Service("third").Port(53, protocol: Protocol.Udp));
        await flows.ShouldComeFromAsync(Pod1);
        await others.ShouldComeFromAsync(Pod2);
    });

    private async Task OlderThanServiceAsync(Func<ServiceSpec, Flows> open)
    {
        var dns = Service("dns").Port(53, Pod.WebPort, Protocol.Udp).AllFrontends().Endpoints(Pod1);
        using var flows = open(dns);
        foreach (var flow in flows.All)
        {
            (await flow.AskAsync()).ShouldNotBeServed();
        }

        await World.ApplyAsync(dns);
        await flows.ShouldComeFromAsync(Pod1);
    }

    private async Task<Flows> OpenAsync(ServiceSpec service, Pod expected)
    {
        var flows = Open(service);
        await flows.ShouldComeFromAsync(expected);
        return flows;
    }

    /// <summary>One flow to every frontend in both families from outside, and one to the cluster IP from a pod and from the node.</summary>
    private Flows Open(ServiceSpec service) => new(
        [
            .. Families.Both.SelectMany(family => service.Frontends(family)).Select(target => Client.OpenFlow(target)),
            Pod3.OpenFlow(service.ClusterIP(V4)), Node.OpenFlow(service.ClusterIP(V6)),
        ]);

    private sealed class Flows(IReadOnlyList<Flow> all) : IDisposable
    {
        public IReadOnlyList<Flow> All { get; } = all;

        public async Task ShouldComeFromAsync(Pod pod)
        {
            foreach (var flow in All)
            {
                (await flow.AskAsync()).ShouldComeFrom(pod);
            }
        }

        public void Dispose()
        {
            foreach (var flow in All)
            {
                flow.Dispose();
            }
        }
    }
}
