using ProxyFramework.Behaviour.Suite;
using ProxyFramework.Behaviour.Testbed;
using Xunit;

namespace ProxyFramework.Behaviour.Scenarios;

/// <summary>Which objects count, and that a bad one costs nothing but itself.</summary>
[Semantics("Which objects count")]
public sealed class ObjectScenarios(StandardWorld world) : ScenarioBase<StandardWorld>(world)
{
    [Fact]
    public Task Headless_services_and_external_names_are_not_proxied() => HoldsAsync(async () =>
    {
        var headless = Service("headless").Port().Endpoints(Pod1);
        headless.IsHeadless = true;
        var name = Service("external-name").Port().ExternalIP().Endpoints(Pod1);
        name.Type = "ExternalName";
        var web = Service("web").Port().Endpoints(Pod1);
        await World.ApplyAsync(headless, name, web);
        (await Client.AskAsync(web.ClusterIP())).ShouldComeFrom(Pod1);
        (await Client.AskAsync(headless.ClusterIP())).ShouldBeUntouched();
        (await Client.AskAsync(name.ExternalIP(V4))).ShouldBeUntouched();
    });

    [Fact]
    public Task A_service_of_another_proxy_is_left_to_it() => HoldsAsync(async () =>
    {
        var other = Service("other").Port().AllFrontends().Endpoints(Pod1);
        other.Labels["service.kubernetes.io/service-proxy-name"] = "another-proxy";
        await World.ApplyAsync(other);
        (await Client.AskAsync(other.ClusterIP())).ShouldBeUntouched();
        (await Client.AskAsync(other.LoadBalancerIP())).ShouldBeUntouched();
        (await Client.AskAsync(other.NodePort(NodeAddress(V4)))).ShouldBeRefused();

        other.Labels.Clear();
        await World.ApplyAsync(other);
        (await Client.AskAsync(other.ClusterIP())).ShouldComeFrom(Pod1);

        other.Labels["service.kubernetes.io/service-proxy-name"] = "another-proxy";
        await World.ApplyAsync(other);
        (await Client.AskAsync(other.ClusterIP())).ShouldNotBeServed();
    });

    [Fact]
    public Task A_slice_that_is_labelled_headless_does_not_count() => HoldsAsync(async () =>
    {
        var web = Service("web").Port().Endpoints(Pod1);
        web.SliceLabels["service.kubernetes.io/headless"] = "";
        await World.ApplyAsync(web);
        (await Client.AskAsync(web.ClusterIP())).ShouldBeRefused();
    });

    [Fact]
    public Task A_slice_of_host_names_does_not_count() => HoldsAsync(async () =>
    {
        var web = Service("web").Port().Endpoints(Pod1);
        World.WriteFile("fqdn.yaml", $$"""
            apiVersion: discovery.k8s.io/v1
            kind: EndpointSlice
            metadata:
              name: {{web.Name}}-names
              namespace: default
              labels: {kubernetes.io/service-name: {{web.Name}}}
            addressType: FQDN
            ports: [{name: p0, port: 8080}]
            endpoints: [{addresses: [example.org]}]
            """);
        await World.ApplyAsync(web);
        await ShouldSpreadOverAsync(Client, web.ClusterIP(), Pod1);
    });

    [Fact]
    public Task Yaml_with_many_documents_beside_json_counts() => HoldsAsync(async () =>
    {
        var web = Service("yaml");
        web.Port(80);
        World.WriteFile("web.yaml", $$"""
            # a comment
            apiVersion: v1
            kind: Service
            metadata: {name: {{web.Name}}, namespace: default}
            spec:
              clusterIP: {{web.ClusterIPAddress(V4)}}
              ports:
              - port: 80
            ---
            apiVersion: discovery.k8s.io/v1
            kind: EndpointSlice
            metadata:
              name: {{web.Name}}-1
              namespace: default
              labels:
                kubernetes.io/service-name: {{web.Name}}
            addressType: IPv4
            ports:
            - port: {{Pod.WebPort}}
            endpoints:
            - addresses: ["{{Pod1.IPv4}}"]
            """);
        await World.SettleAsync();
        await ShouldSpreadOverAsync(Client, web.ClusterIP(), Pod1);
        File.Delete(Path.Combine(World.ManifestFolder, "web.yaml"));
        await World.SettleAsync();
        (await Client.AskAsync(web.ClusterIP())).ShouldNotBeServed();
    });

    [Fact]
    public Task The_same_address_in_several_slices_is_one_endpoint_with_the_better_condition() => HoldsAsync(async () =>
    {
        var web = Service("web").Port().Endpoints(EndpointSpec.Unready(Pod1), EndpointSpec.Of(Pod1), EndpointSpec.Unready(Pod1), EndpointSpec.Of(Pod2));
        web.SliceSize = 1;
        await World.ApplyAsync(web);
        await ShouldSpreadOverAsync(Client, web.ClusterIP(), Pod1, Pod2);
    });

    [Fact]
    public Task A_bad_object_or_field_is_named_in_the_log_and_costs_only_itself() => HoldsAsync(async () =>
    {
        var good = Service("good").Port().ExternalIP().Endpoints(Pod1);
        World.WriteFile("bad.yaml", """
            apiVersion: v1
            kind: Service
            metadata: {name: bad-address, namespace: default}
            spec: {clusterIP: 10.96.0.999, clusterIPs: [10.96.0.999], ports: [{port: 80}]}
            ---
            apiVersion: v1
            kind: Service
            metadata: {name: bad-port, namespace: default}
            spec: {clusterIP: 10.96.77.1, ports: [{port: 123456}]}
            ---
            apiVersion: discovery.k8s.io/v1
            kind: EndpointSlice
            metadata: {name: bad-slice, namespace: default, labels: {kubernetes.io/service-name: nowhere}}
            addressType: IPv4
            ports: [{port: 80}]
            endpoints: [{addresses: [not-an-address]}]
            """);
        try
        {
            await World.ApplyAsync(good);
            (await Client.AskAsync(good.ClusterIP())).ShouldComeFrom(Pod1);
            foreach (var name in new[] { "bad-address", "bad-port", "bad-slice" })
            {
                Assert.True(
                    await Eventually.TrueAsync(() => Task.FromResult(World.Proxy.Log.Any(line => line.Contains(name, StringComparison.Ordinal)))),
                    $"{name} is not named in the log:\n{World.Proxy.Tail()}");
            }
        }
        finally
        {
            File.Delete(Path.Combine(World.ManifestFolder, "bad.yaml"));
        }
    });

    [Fact]
    public Task A_bad_endpoint_does_not_take_the_good_ones_with_it() => HoldsAsync(async () =>
    {
        var web = Service("web").Port();
        World.WriteFile("mixed.yaml", $$"""
            apiVersion: discovery.k8s.io/v1
            kind: EndpointSlice
            metadata:
              name: {{web.Name}}-mixed
              namespace: default
              labels: {kubernetes.io/service-name: {{web.Name}}}
            addressType: IPv4
            ports: [{name: p0, port: 8080}]
            endpoints:
            - addresses: [10.244.1.999]
            - addresses: [{{Pod2.IPv4}}]
            """);
        try
        {
            await World.ApplyAsync(web);
            await ShouldSpreadOverAsync(Client, web.ClusterIP(), Pod2);
        }
        finally
        {
            File.Delete(Path.Combine(World.ManifestFolder, "mixed.yaml"));
        }
    });

    [Fact]
    public Task A_file_that_breaks_keeps_its_last_good_state_in_force() => HoldsAsync(async () =>
    {
        var web = Service("kept").Port().Endpoints(Pod1);
        var other = Service("other").Port().Endpoints(Pod2);
        World.WriteFile("kept.json", Manifests.List(Manifests.Of(web)));
        await World.SettleAsync();
        (await Client.AskAsync(web.ClusterIP())).ShouldComeFrom(Pod1);
        World.WriteFile("kept.json", "{ this is: [not, JSON");
        try
        {
            await World.ApplyAsync(other);
            (await Client.AskAsync(web.ClusterIP())).ShouldComeFrom(Pod1);
            (await Client.AskAsync(other.ClusterIP())).ShouldComeFrom(Pod2);
        }
        finally
        {
            File.Delete(Path.Combine(World.ManifestFolder, "kept.json"));
        }
    });
}
