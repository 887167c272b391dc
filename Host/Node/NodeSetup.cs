using System.Globalization;
using Microsoft.Extensions.Logging;

namespace ProxyFramework.Host.Node;

/// <summary>
/// Puts <see cref="NodeSettings"/> in force through proc(5), as kube-proxy does at its start. What cannot be set is said and is no reason not to
/// proxy: in a container <c>/proc/sys</c> is often read-only, and then the node's own settings, or an init container with <c>--init-only</c>, count.
/// </summary>
internal sealed partial class NodeSetup(ILogger logger, string proc = "/proc", string sys = "/sys")
{
    /// <summary>Sets everything.</summary>
    /// <returns>Whether all of it is in force.</returns>
    public bool Apply(NodeSettings settings)
    {
        var isDone = RaiseLimit(settings);
        isDone &= SetTime("nf_conntrack_tcp_timeout_established", settings.TcpEstablished);
        isDone &= SetTime("nf_conntrack_tcp_timeout_close_wait", settings.TcpCloseWait);
        isDone &= SetTime("nf_conntrack_udp_timeout", settings.Udp);
        isDone &= SetTime("nf_conntrack_udp_timeout_stream", settings.UdpStream);
        isDone &= !settings.TcpBeLiberal || Set(Conntrack("nf_conntrack_tcp_be_liberal"), 1);
        isDone &= settings.OomScoreAdj is not { } score || Set(Path.Combine(proc, "self/oom_score_adj"), score);
        return isDone;
    }

    // The limit is raised and never lowered: whoever set a higher one had a reason.
    private bool RaiseLimit(NodeSettings settings)
    {
        if (settings.ConntrackMaxPerCore is not (> 0 and var perCore))
        {
            return true;
        }

        var wanted = Math.Max((long)perCore * Environment.ProcessorCount, settings.ConntrackMin ?? 0);
        var path = Conntrack("nf_conntrack_max");
        if (Read(path) is not { } limit || limit >= wanted)
        {
            return true;
        }

        // The table's size belongs to the limit: four connections a bucket, as the kernel's own default has it.
        var buckets = Path.Combine(sys, "module/nf_conntrack/parameters/hashsize");
        return Set(path, wanted) && (Read(buckets) is not { } size || size >= wanted / 4 || Set(buckets, wanted / 4));
    }

    private bool SetTime(string name, TimeSpan? time) => time is not { Ticks: > 0 } value || Set(Conntrack(name), (long)value.TotalSeconds);

    private bool Set(string path, long value)
    {
        try
        {
            if (Read(path) == value)
            {
                return true;
            }

            File.WriteAllText(path, value.ToString(CultureInfo.InvariantCulture));
            Log.Set(logger, path, value);
            return true;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            Log.CannotSet(logger, path, value, error.Message);
            return false;
        }
    }

    private static long? Read(string path) =>
        File.Exists(path) && long.TryParse(File.ReadAllText(path).Trim(), CultureInfo.InvariantCulture, out var value) ? value : null;

    private string Conntrack(string name) => Path.Combine(proc, "sys/net/netfilter", name);

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Information, "{Path} is {Value} now.")]
        public static partial void Set(ILogger logger, string path, long value);

        [LoggerMessage(2, LogLevel.Warning, "{Path} cannot be set to {Value}: {Reason}. Set it on the node, or let an init container do it with --init-only.")]
        public static partial void CannotSet(ILogger logger, string path, long value, string reason);
    }
}
