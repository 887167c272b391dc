using System.Diagnostics;
using System.Text;
using ProxyFramework.Testing;

namespace ProxyFramework.Benchmarks.Iptables;

/// <summary><c>iptables-restore</c> as kube-proxy calls it.</summary>
internal sealed class Restore(NetworkNamespace node, string flavour)
{
    /// <summary>Feeds it this input.</summary>
    /// <returns>How long it took.</returns>
    public TimeSpan Run(string input)
    {
        // To a file first: what the pipe costs is not the program's.
        var file = Path.GetTempFileName();
        try
        {
            File.WriteAllText(file, input, new UTF8Encoding(false));
            var clock = Stopwatch.StartNew();
            using var process = node.Start("sh", "-c", $"exec iptables-{flavour}-restore -w 5 --noflush --counters <{file}");
            var error = process.StandardError.ReadToEndAsync();
            process.WaitForExit();
            var elapsed = clock.Elapsed;
            return process.ExitCode == 0 ? elapsed : throw new InvalidOperationException($"iptables-{flavour}-restore: {error.Result}");
        }
        finally
        {
            File.Delete(file);
        }
    }
}
