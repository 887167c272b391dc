using System.Globalization;
using System.Net;

namespace ProxyFramework.Behaviour.Testbed;

/// <summary>The namespaces of a world, their links, addresses and routes. The picture is in README.md.</summary>
public sealed class Network : IAsyncDisposable
{
    public const string ClientSide = "192.0.2";
    public const string ClientSide6 = "2001:db8:2::";
    public const string NodeSide = "172.18.0";
    public const string NodeSide6 = "fd00:172:18::";
    public const string Pods = "10.244.1";
    public const string Pods6 = "fd00:10:244:1::";
    public const string RemotePods = "10.244.2";
    public const string RemotePods6 = "fd00:10:244:2::";
    public const int LocalPodCount = 3;
    public const int RemotePodCount = 2;
    public const int ClientCount = 16;

    /// <summary>More pods than namespaces: addresses that are all local to one namespace, 10.244.4.0 – 10.244.7.255.</summary>
    public const string Crowd = "10.244.4.0/22";

    /// <summary>
    /// The name of a server beyond the node that answers for every service address: it is reached by packets that no proxy has
    /// handled, which would be hard to tell from dropped ones (TCP takes ICMP unreachable for a passing trouble, RFC 1122 §4.2.3.9).
    /// </summary>
    public const string Elsewhere = "elsewhere";

    private const int ElsewherePort = 1;

    private static int _worlds;

    private readonly IdentityServer _elsewhere = new(Elsewhere);
    private readonly List<NetworkNamespace> _namespaces = [];

    private Network()
    {
    }

    public int Number { get; } = Interlocked.Increment(ref _worlds);

    public NetworkNamespace Client { get; private set; } = null!;

    public NetworkNamespace Node { get; private set; } = null!;

    public NetworkNamespace Node2 { get; private set; } = null!;

    public IReadOnlyList<NetworkNamespace> PodNamespaces { get; private set; } = [];

    public static async Task<Network> CreateAsync(PodAttachment attachment)
    {
        var network = new Network();
        try
        {
            await network.BuildAsync(attachment);
            return network;
        }
        catch
        {
            await network.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _elsewhere.DisposeAsync();
        foreach (var ns in _namespaces)
        {
            await ns.DisposeAsync();
        }
    }

    /// <summary>The last number of an address, in both families: <c>10.244.1.11</c> and <c>fd00:10:244:1::11</c>.</summary>
    public static (IPAddress IPv4, IPAddress IPv6) Pair(string prefix, string prefix6, int last) =>
        (IPAddress.Parse(Text(prefix, last)), IPAddress.Parse(Text6(prefix6, last)));

    private static string Text(string prefix, int last) => string.Create(CultureInfo.InvariantCulture, $"{prefix}.{last}");

    private static string Text6(string prefix, int last) => string.Create(CultureInfo.InvariantCulture, $"{prefix}{last}");

    private async Task<NetworkNamespace> AddAsync(string role, bool forwards = false)
    {
        var ns = await NetworkNamespace.CreateAsync(Number, role);
        _namespaces.Add(ns);
        ns.Sysctl("net.ipv6.conf.all.accept_dad=0", "net.ipv6.conf.default.accept_dad=0", "net.ipv6.conf.default.accept_ra=0");

        // Each refused datagram is to be answered: scenarios send more of them than the limits let through.
        ns.Sysctl("net.ipv4.icmp_ratelimit=0", "net.ipv6.icmp.ratelimit=0", "?net.ipv4.icmp_msgs_per_sec=1000000", "?net.ipv4.icmp_msgs_burst=10000");
        if (forwards)
        {
            ns.Sysctl(
                "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1", "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.default.rp_filter=0",
                "?net.bridge.bridge-nf-call-iptables=1", "?net.bridge.bridge-nf-call-ip6tables=1");
        }

        return ns;
    }

    private async Task BuildAsync(PodAttachment attachment)
    {
        Client = await AddAsync("client");
        Node = await AddAsync("node", forwards: true);
        Node2 = await AddAsync("node-2");
        var pods = new List<NetworkNamespace>();
        for (var i = 1; i <= LocalPodCount; i++)
        {
            pods.Add(await AddAsync(string.Create(CultureInfo.InvariantCulture, $"pod-{i}")));
        }

        PodNamespaces = pods;
        var links = new List<string>
        {
            $"link add eth0 netns {Node.Name} type veth peer name eth0 netns {Client.Name}",
            $"link add eth1 netns {Node.Name} type veth peer name eth0 netns {Node2.Name}",
        };
        links.AddRange(pods.Select((pod, i) =>
            string.Create(CultureInfo.InvariantCulture, $"link add veth{i + 1} netns {Node.Name} type veth peer name eth0 netns {pod.Name}")));
        await Tool.RunAsync("ip", ["-batch", "-"], string.Join('\n', links) + "\n");
        await Node.IpAsync([.. NodeCommands(attachment)]);
        await Client.IpAsync([.. ClientCommands()]);
        await Node2.IpAsync([.. Node2Commands()]);
        for (var i = 0; i < pods.Count; i++)
        {
            await pods[i].IpAsync([.. PodCommands(attachment, 11 + i)]);
        }

        await AnswerElsewhereAsync();
    }

    private async Task AnswerElsewhereAsync()
    {
        await Node2.ExecWithInputAsync(
            $$"""
            table inet elsewhere {
              chain pre {
                type nat hook prerouting priority -100;
                ip daddr { {{string.Join(", ", AddressPlan.Ranges(Family.IPv4))}} } meta l4proto { tcp, udp } redirect to :{{ElsewherePort}}
                ip6 daddr { {{string.Join(", ", AddressPlan.Ranges(Family.IPv6))}} } meta l4proto { tcp, udp } redirect to :{{ElsewherePort}}
              }
            }
            """,
            "nft",
            "-f",
            "-");
        Node2.Run(() =>
        {
            foreach (var address in new[] { IPAddress.Any, IPAddress.IPv6Any })
            {
                _elsewhere.Listen(address, ElsewherePort);
            }

            return true;
        });
    }

    private static IEnumerable<string> ClientCommands()
    {
        yield return "link set lo up";
        yield return "link set eth0 up";
        for (var i = 0; i < ClientCount; i++)
        {
            yield return $"address add {Text(ClientSide, 2 + i)}/24 dev eth0";
            yield return $"address add {Text6(ClientSide6, 2 + i)}/64 dev eth0 nodad";
        }

        yield return $"route add default via {ClientSide}.1";
        yield return $"route add default via {ClientSide6}1";
    }

    private static IEnumerable<string> NodeCommands(PodAttachment attachment)
    {
        yield return "link set lo up";
        yield return "link set eth0 up";
        yield return "link set eth1 up";
        yield return $"address add {ClientSide}.1/24 dev eth0";
        yield return $"address add {ClientSide6}1/64 dev eth0 nodad";
        yield return $"address add {NodeSide}.1/24 dev eth1";
        yield return $"address add {NodeSide6}1/64 dev eth1 nodad";
        if (attachment == PodAttachment.Bridge)
        {
            yield return "link add br-pods type bridge";
            yield return "link set br-pods up";
            yield return $"address add {Pods}.1/24 dev br-pods";
            yield return $"address add {Pods6}1/64 dev br-pods nodad";
        }

        for (var i = 1; i <= LocalPodCount; i++)
        {
            var veth = string.Create(CultureInfo.InvariantCulture, $"veth{i}");
            yield return $"link set {veth} up";
            if (attachment == PodAttachment.Bridge)
            {
                yield return $"link set {veth} master br-pods";
                yield return $"link set {veth} type bridge_slave hairpin on";
                continue;
            }

            yield return $"address add {Pods}.1/32 dev {veth}";
            yield return $"address add {Pods6}1/128 dev {veth} nodad";
            yield return $"route add {Text(Pods, 10 + i)} dev {veth}";
            yield return $"route add {Text6(Pods6, 10 + i)} dev {veth}";
        }

        yield return $"route add {RemotePods}.0/24 via {NodeSide}.2";
        yield return $"route add {Crowd} via {NodeSide}.2";
        yield return $"route add {RemotePods6}/64 via {NodeSide6}2";
        yield return $"route add default via {NodeSide}.2";
        yield return $"route add default via {NodeSide6}2";
    }

    private static IEnumerable<string> Node2Commands()
    {
        yield return "link set lo up";
        yield return "link set eth0 up";
        yield return $"address add {NodeSide}.2/24 dev eth0";
        yield return $"address add {NodeSide6}2/64 dev eth0 nodad";
        for (var i = 0; i < RemotePodCount; i++)
        {
            yield return $"address add {Text(RemotePods, 11 + i)}/32 dev lo";
            yield return $"address add {Text6(RemotePods6, 11 + i)}/128 dev lo nodad";
        }

        yield return $"route add local {Crowd} dev lo";
        yield return $"route add default via {NodeSide}.1";
        yield return $"route add default via {NodeSide6}1";
    }

    private static IEnumerable<string> PodCommands(PodAttachment attachment, int last)
    {
        var bridge = attachment == PodAttachment.Bridge;
        yield return "link set lo up";
        yield return "link set eth0 up";
        yield return $"address add {Text(Pods, last)}/{(bridge ? 24 : 32)} dev eth0";
        yield return $"address add {Text6(Pods6, last)}/{(bridge ? 64 : 128)} dev eth0 nodad";
        if (!bridge)
        {
            yield return $"route add {Pods}.1 dev eth0";
            yield return $"route add {Pods6}1 dev eth0";
        }

        yield return $"route add default via {Pods}.1 dev eth0";
        yield return $"route add default via {Pods6}1 dev eth0";
    }
}
