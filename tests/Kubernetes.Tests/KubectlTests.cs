using ProxyFramework.ApiServerStandIn;

namespace ProxyFramework.Kubernetes.Tests;

/// <summary>The server of these tests is no private fiction: the real kubectl works with it, and the source sees what kubectl does.</summary>
public sealed class KubectlTests
{
    [Fact]
    public async Task Kubectl_gets_what_there_is()
    {
        await using var server = await StandInServer.StartAsync();
        server.Faults.RequiresAuthentication = true;
        server.Fill(600);
        using var kubectl = new Kubectl(server);

        Assert.Equal(600, (await kubectl.RunAsync("get", "svc", "-o", "name")).Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        Assert.Contains("web-00007-abcde", await kubectl.RunAsync("get", "endpointslices.discovery.k8s.io", "-A"), StringComparison.Ordinal);
        Assert.Contains("clusterIP: 10.96.0.8", await kubectl.RunAsync("get", "service", "web-00007", "-o", "yaml"), StringComparison.Ordinal);
        Assert.Contains(Cluster.Node, await kubectl.RunAsync("get", "nodes"), StringComparison.Ordinal);
        var (code, _, errors) = await kubectl.TryAsync(null, "get", "service", "nothing");
        Assert.Equal(1, code);
        Assert.Contains("not found", errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_kubectl_applies_patches_and_deletes_the_source_follows()
    {
        await using var server = await StandInServer.StartAsync();
        server.Store.Put(ResourceType.Nodes, Cluster.NodeObject());
        using var kubectl = new Kubectl(server);
        await using var run = await SourceRun.CompleteAsync(server);
        var web = new NamespacedName("default", "web");
        var slice = new NamespacedName("default", "web-1");
        var manifest = File.ReadAllText(FindSample());

        await kubectl.ApplyAsync(manifest);
        await run.UntilAsync(() => run.Service(web)?.ClusterIPs.Single().ToString() == "127.96.0.10" && run.Slice(slice)?.Endpoints.Length == 3);

        // Applied again, changed: kubectl makes a patch of the three versions it knows.
        var batches = run.Batches.Count;
        Assert.Contains("unchanged", await kubectl.ApplyAsync(manifest), StringComparison.Ordinal);
        await kubectl.ApplyAsync(manifest.Replace("port: 8080", "port: 8081", StringComparison.Ordinal).Replace("- addresses: [127.0.0.13]", "", StringComparison.Ordinal));
        await run.UntilAsync(() => run.Service(web)!.Ports.Single().Port == 8081 && run.Slice(slice)!.Endpoints.Length == 2);
        Assert.Equal(2, run.Batches.Skip(batches).Sum(batch => batch.Count));

        await kubectl.RunAsync("patch", "service", "web", "-p", """{"spec":{"ports":[{"port":9090,"name":"more"}]}}""");
        await run.UntilAsync(() => run.Service(web)!.Ports.Length == 2);
        await kubectl.RunAsync("patch", "endpointslice", "web-1", "--type=json", "-p", """[{"op":"replace","path":"/endpoints/0/addresses/0","value":"127.0.0.99"}]""");
        await run.UntilAsync(() => run.Slice(slice)!.Endpoints[0].Address.ToString() == "127.0.0.99");
        await kubectl.RunAsync("patch", "endpointslice", "web-1", "--type=merge", "-p", """{"endpoints":[{"addresses":["127.0.0.98"]}]}""");
        await run.UntilAsync(() => run.Slice(slice)!.Endpoints.Single().Address.ToString() == "127.0.0.98");

        await kubectl.RunAsync("delete", "service", "web");
        await run.UntilAsync(() => run.Service(web) is null);
        Assert.NotNull(run.Slice(slice));
    }

    [Fact]
    public async Task Kubectl_watches()
    {
        await using var server = await StandInServer.StartAsync();
        server.Fill(2);
        using var kubectl = new Kubectl(server);
        using var watch = kubectl.Start("get", "services", "--watch", "-o", "jsonpath={.metadata.name}:{.spec.ports[0].port}{\"\\n\"}");
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        try
        {
            Assert.Equal("web-00000:80", await watch.StandardOutput.ReadLineAsync(limit.Token));
            Assert.Equal("web-00001:80", await watch.StandardOutput.ReadLineAsync(limit.Token));
            server.Store.Put(ResourceType.Services, Cluster.Service(1, port: 81));
            Assert.Equal("web-00001:81", await watch.StandardOutput.ReadLineAsync(limit.Token));
            server.Store.Put(ResourceType.Services, Cluster.Service(2));
            Assert.Equal("web-00002:80", await watch.StandardOutput.ReadLineAsync(limit.Token));
        }
        finally
        {
            watch.Kill(entireProcessTree: true);
            await watch.WaitForExitAsync();
        }
    }

    [Fact]
    public async Task What_makes_no_sense_is_refused_as_the_real_one_does()
    {
        await using var server = await StandInServer.StartAsync();
        using var kubectl = new Kubectl(server);

        var (code, _, errors) = await kubectl.TryAsync("apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {}\n", "apply", "-f", "-", "--validate=false");
        Assert.Equal(1, code);
        Assert.Contains("spec.ports: Required value", errors, StringComparison.Ordinal);
    }

    private static string FindSample()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "ProxyFramework.sln")))
            {
                return Path.Combine(folder.FullName, "samples", "quickstart", "web.yaml");
            }
        }

        throw new InvalidOperationException("the tests run from inside the repository");
    }
}
