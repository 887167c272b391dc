using ProxyFramework.ApiServerStandIn;
using ProxyFramework.Core;

namespace ProxyFramework.Kubernetes.Tests;

/// <summary>Who we are to the API server, in every form that nodes have it.</summary>
public sealed class CredentialTests
{
    [Fact]
    public async Task A_client_certificate_of_the_kubeconfig_is_presented()
    {
        await using var server = await ServerAsync();
        await using var run = await SourceRun.CompleteAsync(server);

        Assert.Equal(3, run.ServiceCount);
    }

    [Fact]
    public async Task A_token_of_the_kubeconfig_is_presented()
    {
        await using var server = await ServerAsync();
        server.Faults.Tokens.Add("sesame");
        await using var run = await SourceRun.CompleteAsync(server, kubeconfig: Kubeconfig.WithUser(server, "token: sesame"));

        Assert.Equal(3, run.ServiceCount);
    }

    [Fact]
    public async Task A_token_file_as_in_the_kubeconfig_that_kubeadm_writes_is_read_again_when_the_token_is_rotated()
    {
        await using var server = await ServerAsync();
        server.Faults.Tokens.Add("old");
        var file = Path.Combine(Path.GetTempPath(), $"svcproxy-token-{Guid.NewGuid():N}");
        File.WriteAllText(file, "old\n");
        try
        {
            await using var run = await SourceRun.CompleteAsync(server, kubeconfig: Kubeconfig.WithUser(server, $"tokenFile: {file}"));
            server.Faults.Tokens.Clear();
            server.Faults.Tokens.Add("new");
            server.CutWatches();
            await run.UntilAsync(() => run.Log.Text.Contains("401 Unauthorized", StringComparison.Ordinal));
            Assert.Equal(3, run.ServiceCount);

            File.WriteAllText(file, "new\n");
            server.Store.Put(ResourceType.EndpointSlices, Cluster.Slice(1, "10.244.3.3"));
            await run.UntilAsync(() => run.Addresses(1) == "10.244.3.3");
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public async Task A_plugin_of_the_kubeconfig_is_asked_for_a_token()
    {
        await using var server = await ServerAsync();
        server.Faults.Tokens.Add("from-plugin");
        var plugin = Path.Combine(Path.GetTempPath(), $"svcproxy-plugin-{Guid.NewGuid():N}");
        File.WriteAllText(plugin, """
            #!/bin/sh
            echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"from-plugin"}}'
            """);
        File.SetUnixFileMode(plugin, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        try
        {
            await using var run = await SourceRun.CompleteAsync(server, kubeconfig: Kubeconfig.WithUser(
                server, "exec:", "  apiVersion: client.authentication.k8s.io/v1", $"  command: {plugin}", "  interactiveMode: Never"));

            Assert.Equal(3, run.ServiceCount);
        }
        finally
        {
            File.Delete(plugin);
        }
    }

    [Fact]
    public async Task A_kubeconfig_that_is_replaced_is_read_again_when_the_server_refuses_the_old_one()
    {
        await using var server = await ServerAsync();
        server.Faults.Tokens.Add("old");
        await using var run = await SourceRun.CompleteAsync(server, kubeconfig: Kubeconfig.WithUser(server, "token: old"));
        server.Faults.Tokens.Clear();
        server.Faults.Tokens.Add("new");
        run.Write("kubeconfig", Kubeconfig.WithUser(server, "token: new"));
        server.CutWatches();
        server.Store.Put(ResourceType.EndpointSlices, Cluster.Slice(1, "10.244.3.3"));

        await run.UntilAsync(() => run.Addresses(1) == "10.244.3.3");
        Assert.Contains("read anew", run.Log.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_account_without_the_right_to_list_is_told_which_it_needs()
    {
        await using var server = await ServerAsync();
        server.Faults.Refuse(request => request.Path.Value!.EndsWith("/services", StringComparison.Ordinal), 403, "Forbidden", "services is forbidden", times: int.MaxValue);
        await using var run = SourceRun.Start(server);

        await run.UntilAsync(() => run.Log.Text.Contains("needs the verbs list and watch on services", StringComparison.Ordinal));
        Assert.False(run.IsComplete);
    }

    [Theory]
    [InlineData("not: [yaml", "--kubeconfig")]
    [InlineData("apiVersion: v1\nkind: Config\ncurrent-context: nowhere\n", "nowhere")]
    [InlineData("", "--kubeconfig")]
    public async Task A_kubeconfig_that_cannot_be_used_ends_the_start_with_a_message(string text, string expected)
    {
        await using var server = await ServerAsync();

        var problem = Assert.Throws<ProxyStartException>(() => SourceRun.Start(server, kubeconfig: text));
        Assert.Contains(expected, problem.Message, StringComparison.Ordinal);
        Assert.Equal(ProxyExitCode.Usage, problem.ExitCode);
    }

    private static async Task<StandInServer> ServerAsync()
    {
        var server = await StandInServer.StartAsync();
        server.Faults.RequiresAuthentication = true;
        server.Fill(3);
        return server;
    }
}
