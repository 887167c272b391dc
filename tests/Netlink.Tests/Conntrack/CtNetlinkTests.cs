using System.Globalization;
using ProxyFramework.Netlink.Conntrack;
using ProxyFramework.Testing;
using Xunit;

namespace ProxyFramework.Netlink.Tests.Conntrack;

public sealed class CtNetlinkTests : IDisposable
{
    private const byte Udp = 17;
    private const byte Tcp = 6;

    private readonly NetworkNamespace _ns = NetworkNamespace.Create();
    private readonly CtNetlink _ct;

    public CtNetlinkTests() => _ct = _ns.Run(CtNetlink.Open);

    public void Dispose()
    {
        _ct.Dispose();
        _ns.Dispose();
    }

    [Fact]
    public void Entries_are_read_with_both_directions_status_mark_and_timeout()
    {
        Insert("udp", "10.1.0.1", "10.96.0.10", 40000, 53, "10.0.0.7", 5353, "-m", "7");

        var entry = Assert.Single(_ct.GetEntries(new CtFilter(IPFamily.IPv4)));

        Assert.Equal(new CtTuple(Ip("10.1.0.1"), Ip("10.96.0.10"), Udp, 40000, 53), entry.Original);
        Assert.Equal(new CtTuple(Ip("10.0.0.7"), Ip("10.1.0.1"), Udp, 5353, 40000), entry.Reply);
        Assert.Equal(7u, entry.Mark);
        Assert.True(entry.Status.HasFlag(CtStatus.Confirmed));
        Assert.NotEqual(0u, entry.Id);
        Assert.InRange(entry.Timeout.TotalSeconds, 60, 120);
    }

    [Fact]
    public void A_filter_lets_through_what_it_describes()
    {
        Insert("udp", "10.1.0.1", "10.96.0.10", 40000, 53, "10.0.0.7", 5353, "-m", "7");
        Insert("udp", "10.1.0.1", "10.96.0.10", 40001, 54, "10.0.0.8", 5353);
        Insert("tcp", "10.1.0.2", "10.96.0.11", 40002, 53, "10.0.0.7", 80, "--state", "ESTABLISHED");
        Insert("udp", "fd00::1", "fd00::10", 40003, 53, "fd00::7", 5353);
        var all = new CtFilter(IPFamily.IPv4);

        AssertPorts(all, 40000, 40001, 40002);
        AssertPorts(new CtFilter(IPFamily.IPv6), 40003);
        AssertPorts(all with { Protocol = Udp }, 40000, 40001);
        AssertPorts(all with { Protocol = Tcp }, 40002);
        AssertPorts(all with { OriginalSource = Ip("10.1.0.2") }, 40002);
        AssertPorts(all with { OriginalDestination = Ip("10.96.0.10") }, 40000, 40001);
        AssertPorts(all with { OriginalDestination = Ip("10.96.0.10"), Protocol = Udp, OriginalDestinationPort = 54 }, 40001);
        AssertPorts(all with { Protocol = Udp, OriginalDestinationPort = 53 }, 40000);
        AssertPorts(all with { ReplySource = Ip("10.0.0.7") }, 40000, 40002);
        AssertPorts(all with { Protocol = Udp, ReplySource = Ip("10.0.0.7"), ReplySourcePort = 5353 }, 40000);
        AssertPorts(new CtFilter(IPFamily.IPv6) { ReplySource = Ip("fd00::7"), Protocol = Udp, OriginalDestination = Ip("fd00::10") }, 40003);
        AssertPorts(all with { Mark = (7, 0xF) }, 40000);
        AssertPorts(all with { Zone = 0 }, 40000, 40001, 40002);
        AssertPorts(all with { Zone = 9 });
        AssertPorts(all with { Status = CtStatus.DestinationNat }, Dnat());
        Assert.Throws<InvalidOperationException>(() => _ct.GetEntries(all with { OriginalDestinationPort = 53 }));

        ushort[] Dnat() => [.. _ct.GetEntries(all).Where(entry => entry.Status.HasFlag(CtStatus.DestinationNat)).Select(entry => entry.Original.SourcePort)];
    }

    [Fact]
    public void Deleting_entries_leaves_the_others_and_those_with_another_id()
    {
        Insert("udp", "10.1.0.1", "10.96.0.10", 40000, 53, "10.0.0.7", 5353);
        Insert("udp", "10.1.0.1", "10.96.0.10", 40001, 53, "10.0.0.7", 5353);
        Insert("udp", "fd00::1", "fd00::10", 40003, 53, "fd00::7", 5353);
        var all = new CtFilter(IPFamily.IPv4);
        var old = _ct.GetEntries(all);
        var other = old[0] with { Id = old[0].Id + 1 };

        Assert.Empty(_ct.Delete([other, old[1]]));

        Assert.Equal(old[0].Original, Assert.Single(_ct.GetEntries(all)).Original);
        Assert.Empty(_ct.Delete(_ct.GetEntries(new CtFilter(IPFamily.IPv6))));
        Assert.Single(_ns.Exec("conntrack", "-L", "-f", "ipv4").Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.Empty(_ct.GetEntries(new CtFilter(IPFamily.IPv6)));
        Assert.True(_ct.Delete(old[0].Original));
        Assert.Empty(_ct.GetEntries(all));
        Assert.False(_ct.Delete(new CtTuple(Ip("10.1.0.1"), Ip("10.96.0.10"), Udp, 1, 2)));
    }

    [Fact]
    public void Two_thousand_entries_are_deleted_in_one_call()
    {
        using var udp = _ns.Run(() => new System.Net.Sockets.Socket(
            System.Net.Sockets.AddressFamily.InterNetwork, System.Net.Sockets.SocketType.Dgram, System.Net.Sockets.ProtocolType.Udp));
        _ns.ExecWithInput(
            "table ip t { chain c { type filter hook output priority 0; ct state new accept; }; }", "nft", "-f", "-");
        for (var port = 1; port <= 2_000; port++)
        {
            udp.SendTo([1], new System.Net.IPEndPoint(System.Net.IPAddress.Parse("127.0.0.2"), port));
        }

        var entries = _ct.GetEntries(new CtFilter(IPFamily.IPv4) { Protocol = Udp, OriginalDestination = Ip("127.0.0.2") });
        Assert.Equal(2_000, entries.Count);

        Assert.Empty(_ct.Delete(entries));

        Assert.DoesNotContain(_ct.GetEntries(new CtFilter(IPFamily.IPv4)), entry => entry.Original.Protocol == Udp);
    }

    [Fact]
    public void An_icmp_entry_is_read_and_deleted_too()
    {
        _ns.Exec("conntrack", "-I", "-p", "icmp", "-s", "10.1.0.1", "-d", "10.0.0.7", "--icmp-type", "8", "--icmp-code", "0", "--icmp-id", "77", "--timeout", "60");

        var entry = Assert.Single(_ct.GetEntries(new CtFilter(IPFamily.IPv4)));

        Assert.Equal((1, 77, 0x0800), (entry.Original.Protocol, entry.Original.SourcePort, entry.Original.DestinationPort));
        Assert.Empty(_ct.Delete([entry]));
        Assert.Empty(_ct.GetEntries(new CtFilter(IPFamily.IPv4)));
    }

    private static InetAddress Ip(string text) => InetAddress.Parse(text);

    private void AssertPorts(CtFilter filter, params ushort[] sourcePorts) =>
        Assert.Equal(sourcePorts.Order(), _ct.GetEntries(filter).Select(entry => entry.Original.SourcePort).Order());

    private void Insert(
        string protocol, string client, string service, int sourcePort, int port, string endpoint, int targetPort, params string[] more) =>
        _ns.Exec(
            "conntrack",
            [
                "-I", "-p", protocol, "-s", client, "-d", service, "--sport", Text(sourcePort), "--dport", Text(port),
                "-r", endpoint, "-q", client, "--reply-port-src", Text(targetPort), "--reply-port-dst", Text(sourcePort),
                "--timeout", "120", .. more,
            ]);

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
