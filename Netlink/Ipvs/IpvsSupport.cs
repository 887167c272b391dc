using System.Collections.Immutable;
using System.Runtime.ExceptionServices;
using static Tmds.Linux.LibC;

namespace ProxyFramework.Netlink.Ipvs;

/// <summary>
/// What of IPVS this kernel has. Asked of the kernel itself and not of files: modules may be built in, and a container sees neither
/// the node's modules nor its <c>modprobe</c>, while the kernel loads what it needs from the node.
/// </summary>
/// <param name="Info">What IPVS says about itself; null where the kernel has none.</param>
/// <param name="MissingSchedulers">Those asked for that there are not.</param>
public sealed record IpvsSupport(IpvsInfo? Info, ImmutableArray<string> MissingSchedulers)
{
    internal const string MissingModule =
        "the module ip_vs is not loaded and the kernel could not load it; run 'modprobe ip_vs' on the node. " +
        "Where modprobe does not find it, install the kernel's modules, or use a kernel with CONFIG_IP_VS";

    /// <summary>Whether everything that was asked for is there.</summary>
    public bool IsComplete => Info is not null && MissingSchedulers.IsEmpty;

    /// <summary>What is missing and how to get it, a line each; empty where nothing is.</summary>
    public ImmutableArray<string> Problems => Info is null
        ? [MissingModule]
        : [.. MissingSchedulers.Select(static name =>
            $"the IPVS scheduler '{name}' is missing: its module ip_vs_{name} is not loaded and the kernel could not load it; " +
            $"run 'modprobe ip_vs_{name}' on the node. Where modprobe does not find it, this kernel was built without it")];

    /// <summary>
    /// Asks the kernel for IPVS and for schedulers, and so makes it load their modules. It happens in a network namespace of its own,
    /// by virtual servers that vanish with it: the caller's is not touched.
    /// </summary>
    /// <param name="schedulers">Names such as <c>rr</c>.</param>
    /// <exception cref="NetlinkException">A system call failed; <c>EPERM</c>: <c>CAP_SYS_ADMIN</c> is missing.</exception>
    public static IpvsSupport Probe(params IReadOnlyCollection<string> schedulers)
    {
        ArgumentNullException.ThrowIfNull(schedulers);
        IpvsSupport? support = null;
        ExceptionDispatchInfo? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                if (unshare(CLONE_NEWNET) != 0)
                {
                    throw new NetlinkException("unshare", errno);
                }

                support = ProbeHere(schedulers);
            }
            catch (Exception exception)
            {
                failure = ExceptionDispatchInfo.Capture(exception);
            }
        })
        {
            IsBackground = true,
            Name = "IPVS probe",
        };
        thread.Start();
        thread.Join();
        failure?.Throw();
        return support!;
    }

    private static IpvsSupport ProbeHere(IReadOnlyCollection<string> schedulers)
    {
        using var ipvs = IpvsNetlink.TryOpen();
        if (ipvs is null)
        {
            return new IpvsSupport(null, [.. schedulers]);
        }

        using var batch = ipvs.CreateBatch();
        foreach (var scheduler in schedulers)
        {
            batch.AddService(new IpvsService(new IpvsServiceKey(IPFamily.IPv4, (uint)batch.Count + 1), scheduler));
        }

        var missing = ImmutableArray.CreateBuilder<string>();
        foreach (var error in ipvs.TryExecute(batch))
        {
            missing.Add(error.Errno == Errno.ENOENT ? schedulers.ElementAt(error.MessageIndex) : throw new NetlinkException(error));
        }

        return new IpvsSupport(ipvs.GetInfo(), missing.ToImmutable());
    }
}
