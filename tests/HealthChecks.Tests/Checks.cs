using System.Net;
using Microsoft.Extensions.Configuration;
using Xunit;

namespace ProxyFramework.HealthChecks.Tests;

/// <summary>Short ways to ask with a check.</summary>
internal static class Checks
{
    public static IHealthProbe Probe<T>(params string[] options)
        where T : IHealthCheck, new() => Probe<T>(options, []);

    public static IHealthProbe Probe<T>(string[] options, (string Name, string Value)[] settings)
        where T : IHealthCheck, new() => new T().CreateProbe(new HealthCheckContext
        {
            Options = options.Select(option => option.Split('=', 2)).ToDictionary(pair => pair[0], pair => pair[1]),
            Settings = new ConfigurationBuilder().AddInMemoryCollection(settings.ToDictionary(setting => setting.Name, setting => (string?)setting.Value)).Build(),
        });

    /// <summary>Asks; an exception is an answer too.</summary>
    public static async Task<ProbeResult> AskAsync(this IHealthProbe probe, EndPoint server, TimeSpan? limit = null)
    {
        var endpoint = Assert.IsType<IPEndPoint>(server);
        using var timeout = new CancellationTokenSource(limit ?? TimeSpan.FromSeconds(20));
        try
        {
            return await probe.ProbeAsync(InetAddress.FromIPAddress(endpoint.Address), (ushort)endpoint.Port, timeout.Token);
        }
        catch (Exception error)
        {
            return ProbeResult.Unhealthy(error.GetType().Name + ": " + error.Message);
        }
    }

    public static string Refusal<T>(params string[] options)
        where T : IHealthCheck, new() => Assert.Throws<ArgumentException>(() => Probe<T>(options)).Message;
}
