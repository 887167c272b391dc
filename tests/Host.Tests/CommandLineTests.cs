using ProxyFramework.Host.CommandLine;

namespace ProxyFramework.Host.Tests;

public class CommandLineTests
{
    [Fact]
    public async Task Every_wrong_value_is_named_at_once_with_flag_value_and_what_was_expected()
    {
        await using var run = await SvcproxyProcess.RunAsync(
            "--manifests=x", "--drain-timeout=soon", "--cluster-cidr=10.0.0.0/99", "--nodeport-addresses=primary,nowhere", "-v", "much", "--healthz-bind-address=here");

        Assert.Equal(2, run.ExitCode);
        Assert.Contains("--drain-timeout: 'soon' is not valid; expected a duration", run.ErrorText, StringComparison.Ordinal);
        Assert.Contains("--cluster-cidr: '10.0.0.0/99'", run.ErrorText, StringComparison.Ordinal);
        Assert.Contains("--nodeport-addresses: 'nowhere'", run.ErrorText, StringComparison.Ordinal);
        Assert.DoesNotContain("'primary'", run.ErrorText, StringComparison.Ordinal);
        Assert.Contains("-v: 'much'", run.ErrorText, StringComparison.Ordinal);
        Assert.Contains("--healthz-bind-address: 'here'", run.ErrorText, StringComparison.Ordinal);
        Assert.Empty(run.Output);
    }

    [Theory]
    [InlineData("--no-such-flag")]
    [InlineData("nonsense")]
    [InlineData("--mode")]
    public async Task An_unknown_flag_or_command_is_a_usage_error(string argument)
    {
        await using var run = await SvcproxyProcess.RunAsync(argument);

        Assert.Equal(2, run.ExitCode);
        Assert.Contains(argument, run.ErrorText, StringComparison.Ordinal);
        Assert.Contains("--help", run.ErrorText, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_a_source_it_says_that_one_is_needed()
    {
        await using var run = await SvcproxyProcess.RunAsync();

        Assert.Equal(2, run.ExitCode);
        Assert.Contains("--manifests", run.ErrorText, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_flag_of_kube_proxy_is_honoured_or_refused_by_name()
    {
        string[] surface =
        [
            "config", "write-config-to", "cleanup", "init-only", "kubeconfig", "master", "kube-api-content-type", "kube-api-burst", "kube-api-qps",
            "hostname-override", "bind-address", "bind-address-hard-fail", "healthz-bind-address", "metrics-bind-address", "profiling",
            "proxy-mode", "feature-gates", "iptables-masquerade-bit", "masquerade-all", "iptables-localhost-nodeports", "iptables-sync-period",
            "iptables-min-sync-period", "ipvs-sync-period", "ipvs-min-sync-period", "ipvs-scheduler", "ipvs-exclude-cidrs", "ipvs-strict-arp",
            "ipvs-tcp-timeout", "ipvs-tcpfin-timeout", "ipvs-udp-timeout", "detect-local-mode", "pod-bridge-interface",
            "pod-interface-name-prefix", "cluster-cidr", "nodeport-addresses", "oom-score-adj", "conntrack-max-per-core", "conntrack-min",
            "conntrack-tcp-timeout-established", "conntrack-tcp-timeout-close-wait", "conntrack-tcp-be-liberal", "conntrack-udp-timeout",
            "conntrack-udp-timeout-stream", "config-sync-period", "logging-format", "v", "vmodule", "version",
        ];
        var known = CommandLineParser.Build().Options.SelectMany(option => option.Aliases.Append(option.Name)).ToHashSet();

        Assert.Equal([], surface.Except(known.Select(name => name.TrimStart('-'))));
    }

    [Fact]
    public void A_refused_flag_says_what_to_use_with_or_without_a_value()
    {
        foreach (var name in RefusedFlags.Names)
        {
            foreach (var arguments in new[] { new[] { name }, [name + "=1"], [name, "1"] })
            {
                var errors = CommandLineParser.Build().Parse(arguments).Errors;

                Assert.Contains(errors, error => error.Message.StartsWith($"{name} is a flag of kube-proxy", StringComparison.Ordinal));
            }
        }
    }

    [Fact]
    public void Lists_are_separated_by_commas_or_given_several_times()
    {
        var (settings, problems) = Read("--manifests=a", "--manifests", "b", "--nodeport-addresses=primary,localhost", "--nodeport-addresses=192.0.2.0/24", "--cluster-cidr=10.0.0.0/8,fd00::/64");

        Assert.Empty(problems);
        Assert.Equal(["a", "b"], settings.Proxy.Manifests);
        Assert.Equal(["primary", "localhost", "192.0.2.0/24"], settings.Proxy.NodePortAddresses);
        Assert.Equal(["10.0.0.0/8", "fd00::/64"], settings.Proxy.ClusterCidr);
        Assert.Equal(LocalPodDetectionMode.ClusterCidr, settings.Proxy.DetectLocalMode);
    }

    [Theory]
    [InlineData("--detect-local-mode=BridgeInterface", "--pod-bridge-interface")]
    [InlineData("--pod-interface-name-prefix=cali", "--detect-local-mode=InterfaceNamePrefix")]
    [InlineData("--cluster-cidr=10.0.0.0/8,11.0.0.0/8", "one range of each family")]
    [InlineData("--max-sync-delay=1ms", "--min-sync-period")]
    public void Flags_that_do_not_fit_together_are_refused(string flag, string message)
    {
        var (_, problems) = Read("--manifests=a", flag);

        Assert.Contains(message, Assert.Single(problems), StringComparison.Ordinal);
    }

    [Fact]
    public void Defaults_are_those_of_kube_proxy()
    {
        var (settings, _) = Read("--manifests=a");

        Assert.Equal("0.0.0.0:10256", settings.HealthzAddress!.ToString());
        Assert.Equal("127.0.0.1:10249", settings.MetricsAddress!.ToString());
        Assert.Equal("auto", settings.Proxy.Mode);
        Assert.False(settings.BindAddressHardFail);
    }

    [Theory]
    [InlineData("--healthz-bind-address=", null, "127.0.0.1:10249")]
    [InlineData("--metrics-bind-address=", "0.0.0.0:10256", null)]
    [InlineData("--metrics-bind-address=:0", "0.0.0.0:10256", ":0")]
    public void An_empty_address_switches_one_server_off(string flag, string? healthz, string? metrics)
    {
        var (settings, problems) = Read("--manifests=a", flag);

        Assert.Empty(problems);
        Assert.Equal(healthz, settings.HealthzAddress?.ToString());
        Assert.Equal(metrics, settings.MetricsAddress?.ToString());
    }

    [Fact]
    public async Task Version_and_help_need_nothing_else()
    {
        await using var version = await SvcproxyProcess.RunAsync("--version");
        await using var help = await SvcproxyProcess.RunAsync("--help");

        Assert.Equal(0, version.ExitCode);
        Assert.StartsWith("svcproxy ", version.OutputText, StringComparison.Ordinal);
        Assert.Contains("plugin contract", version.OutputText, StringComparison.Ordinal);
        Assert.Equal(0, help.ExitCode);
        foreach (var word in new[] { "run", "plugins", "cleanup", "demo", "--mode", "--manifests" })
        {
            Assert.Contains(word, help.OutputText, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Help_shows_each_flag_once_under_a_heading_with_one_default_within_the_width()
    {
        var root = CommandLineParser.Build();
        foreach (var command in root.Subcommands.Prepend(root))
        {
            using var page = new StringWriter();
            HelpPage.Write(command, page, 100);
            var lines = page.ToString().Split('\n');

            Assert.All(lines, line => Assert.True(line.Length <= 100 || !line.StartsWith(' '), line));
            foreach (var option in command.Options)
            {
                var first = Array.FindIndex(lines, line => System.Text.RegularExpressions.Regex.IsMatch(line, $@"^  ([^ ]+, )*{option.Name}( |,|$)"));
                if (option.Hidden)
                {
                    Assert.Equal(-1, first);
                    continue;
                }

                Assert.True(first >= 0, $"{command.Name} {option.Name}");
                var entry = string.Join(' ', lines.Skip(first + 1).TakeWhile(line => line.StartsWith("      ", StringComparison.Ordinal)).Prepend(lines[first]));
                Assert.True(entry.Split("[default:").Length <= 2, entry);
            }
        }
    }

    [Theory]
    [InlineData("--drain-timeout DURATION", "[default: infinite]")]
    [InlineData("--sync-period DURATION", "[default: 1h]")]
    [InlineData("--healthz-bind-address ADDRESS:PORT", "[default: 0.0.0.0:10256]")]
    [InlineData("--mode, --proxy-mode NAME", "[default: auto]")]
    public void Help_shows_defaults(string flag, string value)
    {
        using var page = new StringWriter();
        HelpPage.Write(CommandLineParser.Build().Subcommands.Single(command => command.Name == "run"), page, 500);
        var text = page.ToString();
        Assert.Contains(value, text[text.IndexOf(flag, StringComparison.Ordinal)..].Split("\n  --")[0], StringComparison.Ordinal);
    }

    private static (RunSettings Settings, IReadOnlyList<string> Problems) Read(params string[] arguments)
    {
        var root = new System.CommandLine.RootCommand();
        var flags = new RunFlags();
        flags.AddTo(root);
        var parsed = root.Parse(arguments);
        Assert.Empty(parsed.Errors);
        var settings = flags.Read(parsed, out var problems);
        return (settings, problems);
    }
}
