using System.Globalization;
using System.Net;

namespace ProxyFramework.Benchmarks.Scale;

/// <summary>Writes the manifests of an invented cluster, to try things with.</summary>
internal sealed class WriteManifests : IBenchmark
{
    public string Name => "manifests";

    public string Summary => "writes manifests: SERVICES FOLDER [list|documents|files] [yaml|json] [first service address] [port]";

    public Task<int> RunAsync(string[] arguments)
    {
        if (arguments.Length < 2)
        {
            Console.Error.WriteLine(Summary);
            return Task.FromResult(2);
        }

        string Argument(int index, string standard) => arguments.Length > index ? arguments[index] : standard;
        new ClusterManifests(
            IPAddress.Parse(Argument(4, "127.96.0.1")),
            int.Parse(Argument(5, "8080"), CultureInfo.InvariantCulture),
            IPAddress.Parse("127.0.0.11"),
            9376).Write(arguments[1], int.Parse(arguments[0], CultureInfo.InvariantCulture), Argument(2, "list"), Argument(3, "yaml"));
        return Task.FromResult(0);
    }
}
