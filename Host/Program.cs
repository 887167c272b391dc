using ProxyFramework.Core;
using ProxyFramework.Host.CommandLine;

// Not by returning: a plugin may have left a thread behind that would keep the process alive.
Environment.Exit(await RunAsync(args));

static async Task<int> RunAsync(string[] arguments)
{
    try
    {
        return await CommandLineParser.InvokeAsync(arguments);
    }
    catch (ProxyStartException problem)
    {
        Console.Error.WriteLine($"svcproxy: {problem.Message}");
        return (int)problem.ExitCode;
    }
    catch (Exception error)
    {
        Console.Error.WriteLine($"svcproxy: unexpected failure: {error.GetType().Name}: {error.Message}");
        return (int)ProxyExitCode.Failure;
    }
}
