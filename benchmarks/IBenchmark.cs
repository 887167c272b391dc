namespace ProxyFramework.Benchmarks;

/// <summary>A sub-command of the runner: measures one thing and prints a table.</summary>
internal interface IBenchmark
{
    /// <summary>What selects it on the command line.</summary>
    string Name { get; }

    /// <summary>One line for the list of sub-commands.</summary>
    string Summary { get; }

    /// <summary>Measures and prints.</summary>
    /// <returns>The exit code: 0 where every target is met.</returns>
    Task<int> RunAsync(string[] arguments);
}
