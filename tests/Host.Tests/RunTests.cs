using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;

namespace ProxyFramework.Host.Tests;

[System.Runtime.Versioning.SupportedOSPlatform("linux")]
public class RunTests
{
    private const string NoServices = "apiVersion: v1\nkind: List\nitems: []\n";

    [Fact]
    public async Task An_unknown_mode_ends_with_3_and_names_those_that_there_are()
    {
        using var folder = new TempFolder();
        folder.Write("none.yaml", NoServices);

        await using var run = await SvcproxyProcess.RunAsync("--mode=userspaces", "--manifests", folder.Path, "--healthz-bind-address=", "--metrics-bind-address=");

        Assert.Equal(3, run.ExitCode);
        Assert.Contains("'userspaces'", run.ErrorText, StringComparison.Ordinal);
        Assert.Contains("did you mean 'userspace'", run.ErrorText, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", run.ErrorText, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_mode_whose_plugin_is_broken_ends_with_4()
    {
        using var folder = new TempFolder();
        folder.Write("none.yaml", NoServices);
        folder.Write("plugins/special/special.dll", "this is no assembly");

        await using var run = await SvcproxyProcess.RunAsync(
            "--mode=special", "--manifests", folder.Path + "/none.yaml", "--plugins-dir", folder.Path + "/plugins", "--healthz-bind-address=", "--metrics-bind-address=");

        Assert.Equal(4, run.ExitCode);
        Assert.Contains("special", run.ErrorText, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Manifests_that_do_not_exist_end_with_5()
    {
        await using var run = await SvcproxyProcess.RunAsync("--mode=userspace", "--manifests=/does/not/exist", "--healthz-bind-address=", "--metrics-bind-address=");

        Assert.Equal(5, run.ExitCode);
        Assert.Contains("/does/not/exist", run.ErrorText, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_setting_of_no_backend_is_a_usage_error()
    {
        using var folder = new TempFolder();
        folder.Write("none.yaml", NoServices);

        await using var run = await SvcproxyProcess.RunAsync("--manifests", folder.Path, "--set", "userspac:connect-timeout=2s");

        Assert.Equal(2, run.ExitCode);
        Assert.Contains("userspac:connect-timeout", run.ErrorText, StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_serves_health_metrics_and_mode_is_quiet_when_idle_and_ends_within_5_s_of_SIGTERM()
    {
        using var folder = new TempFolder();
        folder.Write("none.yaml", NoServices);
        await using var run = SvcproxyProcess.Start(
            "run", "--mode=userspace", "--manifests", folder.Path, "--healthz-bind-address=127.0.0.1:0", "--metrics-bind-address=127.0.0.1:0",
            "--logging-format=json");
        using var client = new HttpClient();
        var healthz = await run.PortOfAsync("healthz");
        var metrics = await run.PortOfAsync("metrics");
        await run.UntilAsync(() => StatusOf(client, $"http://127.0.0.1:{healthz}/healthz") == HttpStatusCode.OK, "a healthy /healthz");

        using var health = JsonDocument.Parse(await client.GetStringAsync($"http://127.0.0.1:{healthz}/healthz"));
        Assert.True(health.RootElement.GetProperty("nodeEligible").GetBoolean());
        Assert.True(health.RootElement.GetProperty("lastUpdated").GetDateTimeOffset() <= health.RootElement.GetProperty("currentTime").GetDateTimeOffset());
        Assert.True(health.RootElement.GetProperty("status").GetProperty("IPv4").GetProperty("healthy").GetBoolean());
        using var live = JsonDocument.Parse(await client.GetStringAsync($"http://127.0.0.1:{healthz}/livez"));
        Assert.False(live.RootElement.TryGetProperty("nodeEligible", out _));

        Assert.Equal("userspace", await client.GetStringAsync($"http://127.0.0.1:{metrics}/proxyMode"));
        var text = await client.GetStringAsync($"http://127.0.0.1:{metrics}/metrics");
        foreach (var sample in new[]
        {
            "kubeproxy_sync_proxy_rules_duration_seconds_bucket{ip_family=\"IPv4\",le=\"0.001\"}",
            "kubeproxy_sync_full_proxy_rules_duration_seconds_count{ip_family=\"IPv6\"}",
            "kubeproxy_sync_proxy_rules_last_timestamp_seconds{ip_family=\"IPv4\"}",
            "kubeproxy_sync_proxy_rules_no_local_endpoints_total{ip_family=\"IPv4\",traffic_policy=\"external\"} 0",
            "kubeproxy_sync_proxy_rules_service_changes_pending 0",
            "kubeproxy_proxy_healthz_total{code=\"200\"}",
            "kubeproxy_proxy_livez_total{code=\"200\"} 1",
            "process_resident_memory_bytes",
        })
        {
            Assert.Contains(sample, text, StringComparison.Ordinal);
        }

        using var configuration = JsonDocument.Parse(await client.GetStringAsync($"http://127.0.0.1:{metrics}/configz"));
        Assert.Equal("userspace", configuration.RootElement.GetProperty("svcproxy").GetProperty("mode").GetString());
        Assert.Equal(HttpStatusCode.NotFound, StatusOf(client, $"http://127.0.0.1:{metrics}/debug/pprof"));

        // Idle: no line, and next to no processor time, as soon as the runtime has compiled what it wanted to. A loop that polls never is.
        var before = run.Errors.Count();
        var used = TimeSpan.MaxValue;
        for (var window = 0; window < 8 && used >= TimeSpan.FromMilliseconds(250); window++)
        {
            used = run.ProcessorTime;
            await Task.Delay(TimeSpan.FromSeconds(5));
            used = run.ProcessorTime - used;
        }

        Assert.True(used < TimeSpan.FromMilliseconds(250), $"{used} of 5 s");
        Assert.Equal(before, run.Errors.Count());
        foreach (var line in run.Errors)
        {
            using var entry = JsonDocument.Parse(line);
            Assert.True(entry.RootElement.TryGetProperty("Message", out _), line);
        }

        var clock = Stopwatch.StartNew();
        run.Terminate();
        await run.EndedAsync(10);
        Assert.True(clock.Elapsed < TimeSpan.FromSeconds(5), $"it took {clock.Elapsed}");
        Assert.Equal(0, run.ExitCode);
    }

    [Fact]
    public async Task An_address_in_use_is_an_error_only_with_hard_fail()
    {
        using var folder = new TempFolder();
        folder.Write("none.yaml", NoServices);
        using var holder = new TcpListener(IPAddress.Loopback, 0);
        holder.Start();
        var address = $"--healthz-bind-address=127.0.0.1:{((IPEndPoint)holder.LocalEndpoint).Port}";

        await using var hard = await SvcproxyProcess.RunAsync(
            "--mode=userspace", "--manifests", folder.Path, address, "--metrics-bind-address=", "--bind-address-hard-fail");
        Assert.Equal(1, hard.ExitCode);
        Assert.Contains("--healthz-bind-address", hard.ErrorText, StringComparison.Ordinal);

        await using var soft = SvcproxyProcess.Start("--mode=userspace", "--manifests", folder.Path, address, "--metrics-bind-address=");
        await soft.UntilAsync(() => soft.ErrorText.Contains("trying again", StringComparison.Ordinal), "that it tries again");
        Assert.False(soft.HasExited);
        soft.Terminate();
        await soft.EndedAsync(10);
        Assert.Equal(0, soft.ExitCode);
    }

    [Fact]
    public async Task Healthz_is_503_while_the_node_goes_away_and_livez_is_not()
    {
        using var folder = new TempFolder();
        folder.Write("node.yaml", Node(""));
        await using var run = SvcproxyProcess.Start(
            "--mode=userspace", "--hostname-override=here", "--manifests", folder.Path, "--healthz-bind-address=127.0.0.1:0", "--metrics-bind-address=127.0.0.1:0");
        using var client = new HttpClient();
        var healthz = $"http://127.0.0.1:{await run.PortOfAsync("healthz")}";
        var metrics = $"http://127.0.0.1:{await run.PortOfAsync("metrics")}";
        await run.UntilAsync(() => StatusOf(client, healthz + "/healthz") == HttpStatusCode.OK, "a healthy /healthz");

        foreach (var goingAway in new[]
        {
            "spec: {taints: [{key: ToBeDeletedByClusterAutoscaler, effect: NoSchedule}]}",
            "spec: {taints: [{key: some.other/taint, effect: NoSchedule}, {key: ToBeDeletedByClusterAutoscaler, effect: NoSchedule, value: \"1764000000\"}]}",
            "deletionTimestamp",
        })
        {
            folder.Write("node.yaml", goingAway == "deletionTimestamp" ? Node("", deleted: true) : Node(goingAway));
            await run.UntilAsync(() => StatusOf(client, healthz + "/healthz") == HttpStatusCode.ServiceUnavailable, $"503 with {goingAway}");
            Assert.Equal(HttpStatusCode.ServiceUnavailable, StatusOf(client, metrics + "/healthz"));
            Assert.Equal(HttpStatusCode.OK, StatusOf(client, healthz + "/livez"));
            using var answer = await client.GetAsync(healthz + "/healthz");
            Assert.Equal("application/json", answer.Content.Headers.ContentType?.MediaType);
            using var body = JsonDocument.Parse(await answer.Content.ReadAsStringAsync());
            Assert.Equal(["lastUpdated", "currentTime", "nodeEligible", "status", "reason"], body.RootElement.EnumerateObject().Select(property => property.Name));
            Assert.False(body.RootElement.GetProperty("nodeEligible").GetBoolean());
            Assert.True(body.RootElement.GetProperty("status").GetProperty("IPv6").GetProperty("healthy").GetBoolean());
            Assert.Contains("being deleted", body.RootElement.GetProperty("reason").GetString(), StringComparison.Ordinal);

            folder.Write("node.yaml", Node(""));
            await run.UntilAsync(() => StatusOf(client, healthz + "/healthz") == HttpStatusCode.OK, "that the node takes traffic again");
        }

        var text = await client.GetStringAsync(metrics + "/metrics");
        Assert.Matches("kubeproxy_proxy_healthz_total\\{code=\"503\"\\} [1-9]", text);
        Assert.Matches("kubeproxy_proxy_livez_total\\{code=\"200\"\\} 3\\b", text);
    }

    [Fact]
    public async Task A_backend_that_hangs_is_reported_on_both_health_pages_and_in_the_log()
    {
        using var folder = new TempFolder();
        TestPlugin.CopyTo(folder.Path, TestPlugin.Hanging);
        folder.Write("none.yaml", NoServices);
        await using var run = SvcproxyProcess.Start(
            "--mode=hangs-in-start", "--plugins-dir", folder.Path + "/plugins", "--backend-timeout=1s", "--manifests", folder.Path + "/none.yaml",
            "--healthz-bind-address=127.0.0.1:0", "--metrics-bind-address=");
        using var client = new HttpClient();
        var healthz = $"http://127.0.0.1:{await run.PortOfAsync("healthz")}";

        await run.UntilAsync(() => run.ErrorText.Contains("error SyncLoop: Backend hangs-in-start hangs: StartAsync has not returned for 1.0 s", StringComparison.Ordinal), "the error");
        foreach (var page in new[] { "/healthz", "/livez" })
        {
            using var answer = await client.GetAsync(healthz + page);
            Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
            using var body = JsonDocument.Parse(await answer.Content.ReadAsStringAsync());
            Assert.Contains("the backend has been busy with one call since", body.RootElement.GetProperty("reason").GetString(), StringComparison.Ordinal);
            Assert.False(body.RootElement.GetProperty("status").GetProperty("IPv4").GetProperty("healthy").GetBoolean());
        }
    }

    private static string Node(string spec, bool deleted = false) =>
        $"apiVersion: v1\nkind: Node\nmetadata:\n  name: here\n{(deleted ? "  deletionTimestamp: \"2026-01-01T00:00:00Z\"\n" : "")}{spec}\n";

    private static HttpStatusCode? StatusOf(HttpClient client, string url)
    {
        try
        {
            using var answer = client.Send(new HttpRequestMessage(HttpMethod.Get, url));
            return answer.StatusCode;
        }
        catch (HttpRequestException)
        {
            return null;
        }
    }
}
