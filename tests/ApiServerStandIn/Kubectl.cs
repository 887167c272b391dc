using System.Diagnostics;

namespace ProxyFramework.ApiServerStandIn;

/// <summary>The machine's kubectl, against a server, with a home of its own.</summary>
public sealed class Kubectl : IDisposable
{
    private readonly string _home = Directory.CreateTempSubdirectory("svcproxy-kubectl-").FullName;

    private readonly string[] _prefix;

    /// <param name="server">The server.</param>
    /// <param name="prefix">What to start it with, as <c>nsenter</c> with its arguments.</param>
    public Kubectl(StandInServer server, params string[] prefix)
    {
        _prefix = prefix;
        File.WriteAllText(Path.Combine(_home, "config"), Kubeconfig.WithCertificate(server));
    }

    /// <summary>Runs it to its end; it has to succeed.</summary>
    public async Task<string> RunAsync(params string[] arguments)
    {
        var (code, output, errors) = await TryAsync(null, arguments);
        return code == 0 ? output : throw new InvalidOperationException($"kubectl {string.Join(' ', arguments)}: {code}\n{output}{errors}");
    }

    /// <summary>Applies manifests from standard input.</summary>
    public async Task<string> ApplyAsync(string manifests, params string[] arguments)
    {
        var (code, output, errors) = await TryAsync(manifests, ["apply", "-f", "-", .. arguments]);
        return code == 0 ? output : throw new InvalidOperationException($"kubectl apply: {code}\n{output}{errors}");
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
        string[] command = [.. _prefix, "kubectl", .. arguments];
        var start = new ProcessStartInfo(command[0], command[1..])
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
