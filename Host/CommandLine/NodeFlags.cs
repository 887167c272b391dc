using System.CommandLine;
using ProxyFramework.Host.Node;

namespace ProxyFramework.Host.CommandLine;

/// <summary>The flags about the node and this process, with kube-proxy's names; its defaults are used where services come from the API.</summary>
internal sealed class NodeFlags
{
    private static readonly TimeSpan Longest = TimeSpan.FromDays(45);

    private readonly Option<int?> _maxPerCore = Flag.Number(
        "--conntrack-max-per-core", "Connections that the kernel tracks at most, for each processor; 0 leaves it as it is [default: 32768 with an API server]", 0, int.MaxValue);

    private readonly Option<int?> _min = Flag.Number(
        "--conntrack-min", "Connections that the kernel tracks at most, however few processors [default: 131072 with an API server]", 0, int.MaxValue);

    private readonly Option<TimeSpan?> _established = Time("--conntrack-tcp-timeout-established", "an idle TCP connection", TimeSpan.FromHours(24));
    private readonly Option<TimeSpan?> _closeWait = Time("--conntrack-tcp-timeout-close-wait", "a TCP connection that one side has closed", TimeSpan.FromHours(1));
    private readonly Option<TimeSpan?> _udp = Time("--conntrack-udp-timeout", "a UDP flow without an answer; 0 leaves it as it is", TimeSpan.Zero);
    private readonly Option<TimeSpan?> _udpStream = Time("--conntrack-udp-timeout-stream", "a UDP flow with answers; 0 leaves it as it is", TimeSpan.Zero);

    private readonly Option<bool> _beLiberal = Flag.Switch(
        "--conntrack-tcp-be-liberal", "Packets outside of a TCP connection's window belong to it nevertheless");

    private readonly Option<int?> _oomScoreAdj = Flag.Number(
        "--oom-score-adj", "How early the kernel ends this process when memory runs out [default: -999 with an API server]", -1000, 1000);

    /// <summary>Gives the flags to a command.</summary>
    public void AddTo(Command command) =>
        command.AddFlags("Kernel", _maxPerCore, _min, _established, _closeWait, _beLiberal, _udp, _udpStream, _oomScoreAdj);

    /// <summary>Reads them.</summary>
    public NodeSettings Read(ParseResult parsed) => new()
    {
        ConntrackMaxPerCore = parsed.GetValue(_maxPerCore),
        ConntrackMin = parsed.GetValue(_min),
        TcpEstablished = parsed.GetValue(_established),
        TcpCloseWait = parsed.GetValue(_closeWait),
        TcpBeLiberal = parsed.GetValue(_beLiberal),
        Udp = parsed.GetValue(_udp),
        UdpStream = parsed.GetValue(_udpStream),
        OomScoreAdj = parsed.GetValue(_oomScoreAdj),
    };

    private static Option<TimeSpan?> Time(string name, string what, TimeSpan byDefault) =>
        Flag.Duration(name, $"How long the kernel remembers {what}", byDefault, TimeSpan.Zero, Longest);
}
