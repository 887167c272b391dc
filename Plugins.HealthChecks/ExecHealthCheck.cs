using System.Diagnostics;

namespace ProxyFramework.Plugins.HealthChecks;

/// <summary>
/// <c>exec</c>: runs a program on the node, with the endpoint in its environment (<c>ADDRESS</c>, <c>PORT</c>); it works where that ends with 0.
/// The programs are the operator's (<c>health-checks:exec:NAME=/path/program argument…</c>), and the option <c>command</c> names one of them:
/// whoever may annotate a Service must not choose what runs on nodes.
/// </summary>
public sealed class ExecHealthCheck : IHealthCheck
{
    /// <inheritdoc/>
    public string Name => "exec";

    /// <inheritdoc/>
    public TransportProtocol? Protocol => null;

    /// <inheritdoc/>
    public IHealthProbe CreateProbe(HealthCheckContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        var name = new OptionReader(context.Options, "command").Text("command") ?? throw new ArgumentException("the option command is missing");
        var known = context.Settings.GetChildren().Where(child => child.Value is not null).ToDictionary(child => child.Key, child => child.Value!);
        return known.TryGetValue(name, out var line)
            ? new Probe(line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            : throw new ArgumentException(
                $"command: there is no '{name}' among the operator's programs (health-checks:exec:…): {string.Join(", ", known.Keys.Order().DefaultIfEmpty("none"))}");
    }

    private sealed class Probe(string[] line) : IHealthProbe
    {
        public async ValueTask<ProbeResult> ProbeAsync(InetAddress address, ushort port, CancellationToken cancellationToken)
        {
            var start = new ProcessStartInfo(line[0], line[1..]) { RedirectStandardOutput = true, RedirectStandardError = true };
            start.Environment["ADDRESS"] = address.ToString();
            start.Environment["PORT"] = port.ToString(System.Globalization.CultureInfo.InvariantCulture);
            using var process = Process.Start(start) ?? throw new InvalidOperationException($"{line[0]} did not start");
            try
            {
                var output = process.StandardOutput.ReadToEndAsync(cancellationToken);
                var errors = await process.StandardError.ReadToEndAsync(cancellationToken).ConfigureAwait(false);
                await output.ConfigureAwait(false);
                await process.WaitForExitAsync(cancellationToken).ConfigureAwait(false);
                return process.ExitCode == 0 ? ProbeResult.Healthy : ProbeResult.Unhealthy($"{line[0]} ended with {process.ExitCode}: {errors.Trim()}");
            }
            finally
            {
                if (!process.HasExited)
                {
                    process.Kill(entireProcessTree: true);
                }
            }
        }
    }
}
