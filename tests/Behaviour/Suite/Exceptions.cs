namespace ProxyFramework.Behaviour.Suite;

/// <summary>
/// The one place that knows what particular backends cannot do. A third party adds its own in a file named by
/// <c>SVCPROXY_EXCEPTIONS</c>, a line each: <c>scenario | reason</c> or <c>scenario | reason | instead</c>.
/// </summary>
public static class Exceptions
{
    /// <summary>Ours.</summary>
    public static IReadOnlyList<Excepted> Table { get; } =
    [
    ];

    private static readonly Lazy<Excepted[]> All = new(() => [.. Table, .. FromFile()]);

    /// <summary>The exception of a scenario, or null.</summary>
    public static Excepted? Find(string backend, string scenario) => Array.Find(All.Value, row => row.Covers(backend, scenario));

    private static IEnumerable<Excepted> FromFile()
    {
        if (Environment.GetEnvironmentVariable("SVCPROXY_EXCEPTIONS") is not { Length: > 0 } path)
        {
            yield break;
        }

        foreach (var line in File.ReadLines(path).Where(line => line.Trim().Length > 0 && !line.StartsWith('#')))
        {
            var parts = line.Split('|', StringSplitOptions.TrimEntries);
            yield return parts.Length is 2 or 3
                ? new Excepted(TestedBackend.Mode, parts[0], parts[1], parts.ElementAtOrDefault(2))
                : throw new FormatException($"{path}: '{line}' should be 'scenario | reason' or 'scenario | reason | instead'");
        }
    }
}
