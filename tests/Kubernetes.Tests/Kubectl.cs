using System.Diagnostics;
using ProxyFramework.ApiServerStandIn;

namespace ProxyFramework.Kubernetes.Tests;

/// <summary>The machine's kubectl, against a server, with a home of its own.</summary>
internal sealed class Kubectl : IDisposable
{
    private readonly string _home = Directory.CreateTempSubdirectory("svcproxy-kubectl-").FullName;

    public Kubectl(StandInServer server)
    {
        File.WriteAllText(Path.Combine(_home, "config"), Kubeconfig.WithCertificate(server));
    }

    /// <summary>Runs it to its end; it has to succeed.</summary>
    public async Task<string> RunAsync(params string[] arguments)
    {
        var (code, output, errors) = await TryAsync(null, arguments);
        Assert.True(code == 0, $"kubectl {string.Join(' ', arguments)}: {code}\n{output}{errors}");
        return output;
    }

    /// <summary>Applies manifests from standard input.</summary>
    public async Task<string> ApplyAsync(string manifests, params string[] arguments)
    {
        var (code, output, errors) = await TryAsync(manifests, ["apply", "-f", "-", .. arguments]);
        Assert.True(code == 0, $"kubectl apply: {code}\n{output}{errors}");
        return output;
    }

    public async Task<(int Code, string Output, string Errors)> TryAsync(string? input, params string[] arguments)
    {
        using var process = Start(arguments);
        if (input is not null)
        {
            await process.StandardInput.WriteAsync(input);
        }

        process.StandardInput.Close();
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        var output = process.StandardOutput.ReadToEndAsync(limit.Token);
        var errors = process.StandardError.ReadToEndAsync(limit.Token);
        await process.WaitForExitAsync(limit.Token);
        return (process.ExitCode, await output, await errors);
    }

    public Process Start(params string[] arguments)
    {
        var start = new ProcessStartInfo("kubectl", arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["HOME"] = _home;
        start.Environment["KUBECONFIG"] = Path.Combine(_home, "config");
        return Process.Start(start)!;
    }

    public void Dispose() => Directory.Delete(_home, recursive: true);
}
