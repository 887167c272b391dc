using System.Globalization;
using Microsoft.Extensions.Options;
using ProxyFramework.Core.View;

namespace ProxyFramework.Core;

/// <summary>Names every problem of the options, not just the first.</summary>
internal sealed class ServiceProxyOptionsValidator : IValidateOptions<ServiceProxyOptions>
{
    /// <summary>A timer takes no more than 49 days.</summary>
    private static readonly TimeSpan Longest = TimeSpan.FromDays(45);

    /// <inheritdoc/>
    public ValidateOptionsResult Validate(string? name, ServiceProxyOptions options)
    {
        var problems = new List<string>();
        CheckTimes(options, problems);
        CheckLocalPods(options, problems);
        NodePortAddressSelection.Parse(options.NodePortAddresses, out var wrongAddresses);
        problems.AddRange(wrongAddresses.Select(problem => $"{nameof(options.NodePortAddresses)}: {problem}"));
        if (string.IsNullOrWhiteSpace(options.Mode))
        {
            problems.Add($"{nameof(options.Mode)} is empty: give the name of a backend, or '{ServiceProxyOptions.AutoMode}'");
        }

        CheckNoneEmpty(nameof(options.Manifests), options.Manifests, problems);
        CheckNoneEmpty(nameof(options.PluginDirectories), options.PluginDirectories, problems);
        return problems.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(problems);
    }

    private static void CheckTimes(ServiceProxyOptions options, List<string> problems)
    {
        CheckRange(nameof(options.MinSyncPeriod), options.MinSyncPeriod, TimeSpan.Zero, TimeSpan.FromHours(1), problems);
        CheckRange(nameof(options.MaxSyncDelay), options.MaxSyncDelay, TimeSpan.Zero, TimeSpan.FromHours(1), problems);
        CheckRange(nameof(options.SyncPeriod), options.SyncPeriod, TimeSpan.Zero, Longest, problems);
        CheckRange(nameof(options.BackendTimeout), options.BackendTimeout, TimeSpan.FromSeconds(1), Longest, problems);
        CheckRange(nameof(options.ShutdownTimeout), options.ShutdownTimeout, TimeSpan.Zero, TimeSpan.FromHours(1), problems);
        if (options.DrainTimeout != Timeout.InfiniteTimeSpan)
        {
            CheckRange(nameof(options.DrainTimeout), options.DrainTimeout, TimeSpan.Zero, Longest, problems);
        }

        if (options.MaxSyncDelay < options.MinSyncPeriod)
        {
            problems.Add(
                $"{nameof(options.MaxSyncDelay)} ({options.MaxSyncDelay}) is less than {nameof(options.MinSyncPeriod)} ({options.MinSyncPeriod}): make it at least as long");
        }
    }

    private static void CheckRange(string option, TimeSpan value, TimeSpan least, TimeSpan most, List<string> problems)
    {
        if (value < least || value > most)
        {
            problems.Add(string.Create(CultureInfo.InvariantCulture, $"{option} is {value}: give a time from {least} to {most}"));
        }
    }

    private static void CheckLocalPods(ServiceProxyOptions options, List<string> problems)
    {
        var families = new HashSet<IPFamily>();
        foreach (var text in options.ClusterCidr)
        {
            if (!InetPrefix.TryParse(text, out var cidr))
            {
                problems.Add($"{nameof(options.ClusterCidr)}: '{text}' is not a CIDR such as 10.244.0.0/16");
            }
            else if (!families.Add(cidr.Family))
            {
                problems.Add($"{nameof(options.ClusterCidr)}: '{text}' is the second one of {cidr.Family}: give one for each family at most");
            }
        }

        var missing = options.DetectLocalMode switch
        {
            LocalPodDetectionMode.ClusterCidr when options.ClusterCidr.Count == 0 => nameof(options.ClusterCidr),
            LocalPodDetectionMode.BridgeInterface when options.PodBridgeInterface.Length == 0 => nameof(options.PodBridgeInterface),
            LocalPodDetectionMode.InterfaceNamePrefix when options.PodInterfaceNamePrefix.Length == 0 => nameof(options.PodInterfaceNamePrefix),
            _ => null,
        };
        if (missing is not null)
        {
            problems.Add($"{nameof(options.DetectLocalMode)} is {options.DetectLocalMode}, which needs {missing}: set it");
        }

        if (!Enum.IsDefined(options.DetectLocalMode))
        {
            problems.Add($"{nameof(options.DetectLocalMode)} is {options.DetectLocalMode}: give one of {string.Join(", ", Enum.GetNames<LocalPodDetectionMode>())}");
        }
    }

    private static void CheckNoneEmpty(string option, IEnumerable<string> values, List<string> problems)
    {
        if (values.Any(string.IsNullOrWhiteSpace))
        {
            problems.Add($"{option} has an empty entry: remove it");
        }
    }
}
