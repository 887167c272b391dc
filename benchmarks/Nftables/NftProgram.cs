using System.Diagnostics;
using ProxyFramework.Testing;

namespace ProxyFramework.Benchmarks.Nftables;

/// <summary>What Debian's <c>nft</c> takes for the same table as text.</summary>
internal static class NftProgram
{
    /// <summary>Lists the table, loads the listing into an empty namespace, and changes one endpoint there.</summary>
    public static (TimeSpan Load, TimeSpan Change) Measure(NetworkNamespace programmed)
    {
        var listing = programmed.Exec("nft", "list", "table", "ip", "svcproxy-v1");
        var file = Path.GetTempFileName();
        try
        {
            File.WriteAllText(file, listing);
            using var empty = NetworkNamespace.Create();
            var clock = Stopwatch.StartNew();
            empty.Exec("nft", "-f", file);
            var load = clock.Elapsed;

            var element = FirstEndpoint(listing);
            File.WriteAllText(file, $"delete element ip svcproxy-v1 endpoints-cluster {{ {element} }}\nadd element ip svcproxy-v1 endpoints-cluster {{ {element} : 100.64.0.1 . 8080 }}\n");
            clock.Restart();
            empty.Exec("nft", "-f", file);
            return (load, clock.Elapsed);
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static string FirstEndpoint(string listing)
    {
        var from = listing.IndexOf("elements = {", listing.IndexOf("map endpoints-cluster", StringComparison.Ordinal), StringComparison.Ordinal) + "elements = {".Length;
        return listing[from..listing.IndexOf(" : ", from, StringComparison.Ordinal)].Trim();
    }
}
