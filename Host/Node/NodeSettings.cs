namespace ProxyFramework.Host.Node;

/// <summary>What is set on the node and for this process before the proxy runs; null leaves each as it is.</summary>
internal sealed record NodeSettings
{
    /// <summary>Connections that the kernel tracks at most, for each processor; 0 leaves the limit as it is.</summary>
    public int? ConntrackMaxPerCore { get; init; }

    /// <summary>Connections that the kernel tracks at most are at least so many, however few processors there are.</summary>
    public int? ConntrackMin { get; init; }

    /// <summary>How long an idle TCP connection is remembered.</summary>
    public TimeSpan? TcpEstablished { get; init; }

    /// <summary>How long a TCP connection is remembered that one side has closed.</summary>
    public TimeSpan? TcpCloseWait { get; init; }

    /// <summary>Whether packets outside of a connection's window belong to it nevertheless.</summary>
    public bool TcpBeLiberal { get; init; }

    /// <summary>How long a UDP flow is remembered that was answered by nobody.</summary>
    public TimeSpan? Udp { get; init; }

    /// <summary>How long a UDP flow is remembered that was answered.</summary>
    public TimeSpan? UdpStream { get; init; }

    /// <summary>How early the kernel ends this process when memory runs out, -1000 (never) to 1000 (first).</summary>
    public int? OomScoreAdj { get; init; }

    /// <summary>The same with kube-proxy's defaults for what is not set, as a node gets them whose services come from the API.</summary>
    public NodeSettings WithDefaults() => this with
    {
        ConntrackMaxPerCore = ConntrackMaxPerCore ?? 32_768,
        ConntrackMin = ConntrackMin ?? 131_072,
        TcpEstablished = TcpEstablished ?? TimeSpan.FromHours(24),
        TcpCloseWait = TcpCloseWait ?? TimeSpan.FromHours(1),
        OomScoreAdj = OomScoreAdj ?? -999,
    };
}
