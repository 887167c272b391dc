using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;

namespace ProxyFramework.Host.Tests;

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
        var (healthz, metrics) = (SvcproxyProcess.FreePort(), SvcproxyProcess.FreePort());
        await using var run = SvcproxyProcess.Start(
            "run", "--mode=userspace", "--manifests", folder.Path, $"--healthz-bind-address=127.0.0.1:{healthz}", $"--metrics-bind-address=127.0.0.1:{metrics}",
            "--logging-format=json");
        using var client = new HttpClient();
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

        var before = run.Errors.Count();
        await Task.Delay(1500);
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
