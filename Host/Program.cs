using ProxyFramework.Core;
using ProxyFramework.Host.CommandLine;

try
{
    return await CommandLineParser.InvokeAsync(args);
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
