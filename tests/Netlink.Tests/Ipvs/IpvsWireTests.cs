using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Runtime.InteropServices;
using ProxyFramework.Netlink.Generic;
using ProxyFramework.Netlink.Ipvs;
using ProxyFramework.Netlink.Tests.Core;
using Xunit;

namespace ProxyFramework.Netlink.Tests.Ipvs;

/// <summary>The library's IPVS requests against those that ipvsadm sends for the same, and what the kernel answered it (Fixtures/capture-ipvs.sh).</summary>
public sealed class IpvsWireTests
{
    private static readonly Dictionary<string, byte[]> Requests = File
        .ReadAllLines(Path.Combine(AppContext.BaseDirectory, "Fixtures", "ipvs-requests.hex"))
        .Select(line => line.Split('\t'))
        .ToDictionary(parts => parts[0], parts => Convert.FromHexString(parts[1]));

    private static readonly byte[][] Dumps =
        [.. File.ReadAllLines(Path.Combine(AppContext.BaseDirectory, "Fixtures", "ipvs-dumps.hex")).Select(Convert.FromHexString)];

    private static readonly IpvsServiceKey Web = new(TransportProtocol.Tcp, Ip("10.96.0.10"), 443);
    private static readonly IpvsServiceKey Dns6 = new(TransportProtocol.Udp, Ip("fd00::10"), 53);

    [Fact]
    public void Virtual_servers_are_written_as_ipvsadm_does()
    {
        var sourceHash = new IpvsService(new IpvsServiceKey(TransportProtocol.Tcp, Ip("10.96.0.11"), 80), "sh")
        {
            Flags = IpvsServiceFlags.Persistent | IpvsServiceFlags.Scheduler1 | IpvsServiceFlags.Scheduler2,
            Timeout = TimeSpan.FromSeconds(10_800),
            PersistencePrefixLength = 24,
        };
        var maglev6 = new IpvsService(new IpvsServiceKey(TransportProtocol.Tcp, Ip("fd00::11"), 80), "mh")
        {
            Flags = IpvsServiceFlags.Persistent,
            Timeout = TimeSpan.FromSeconds(600),
            PersistencePrefixLength = 64,
        };
        var sip = new IpvsService(new IpvsServiceKey(TransportProtocol.Udp, Ip("10.96.0.13"), 5060), "rr")
        {
            Flags = IpvsServiceFlags.Persistent,
            Timeout = TimeSpan.FromSeconds(60),
            PersistenceEngine = "sip",
        };

        AssertSame("ipvsadm -A -t 10.96.0.10:443 -s wrr", batch => batch.AddService(new IpvsService(Web, "wrr")));
        AssertSame(
            "ipvsadm -A -u [fd00::10]:53 -s rr -o", batch => batch.AddService(new IpvsService(Dns6, "rr") { Flags = IpvsServiceFlags.OnePacket }));
        AssertSame(
            "ipvsadm -A -t 10.96.0.11:80 -s sh -b sh-fallback,sh-port -p 10800 -M 255.255.255.0", batch => batch.AddService(sourceHash));
        AssertSame("ipvsadm -A -t [fd00::11]:80 -s mh -p 600 -M 64", batch => batch.AddService(maglev6));
        AssertSame("ipvsadm -A -f 7 -s wlc", batch => batch.AddService(new IpvsService(new IpvsServiceKey(IPFamily.IPv4, 7), "wlc")));
        AssertSame("ipvsadm -A -f 8 -6 -s lc", batch => batch.AddService(new IpvsService(new IpvsServiceKey(IPFamily.IPv6, 8), "lc")));
        AssertSame(
            "ipvsadm -A --sctp-service 10.96.0.12:5060 -s sed",
            batch => batch.AddService(new IpvsService(new IpvsServiceKey(TransportProtocol.Sctp, Ip("10.96.0.12"), 5060), "sed")));
        AssertSame("ipvsadm -A -u 10.96.0.13:5060 -s rr -p 60 --pe sip", batch => batch.AddService(sip));
        AssertSame("ipvsadm -E -t 10.96.0.10:443 -s lc", batch => batch.SetService(new IpvsService(Web, "lc")));
        AssertSame("ipvsadm -D -t 10.96.0.10:443", batch => batch.DeleteService(Web), moreInService: true);
        AssertSame("ipvsadm -Z -t 10.96.0.10:443", batch => batch.Zero(Web), moreInService: true);
    }

    [Fact]
    public void Real_servers_are_written_as_ipvsadm_does()
    {
        var masqueraded = new IpvsDestination(Ip("10.0.0.7"), 8443) { Weight = 3 };
        var routed = new IpvsDestination(Ip("10.0.0.8"), 443)
        {
            Forwarding = IpvsForwarding.DirectRoute,
            UpperThreshold = 100,
            LowerThreshold = 50,
        };
        var tunnelled = new IpvsDestination(Ip("10.0.0.9"), 443)
        {
            Forwarding = IpvsForwarding.Tunnel,
            Tunnel = new IpvsTunnel(IpvsTunnelType.Gue, 6080, IpvsTunnelFlags.Checksum),
        };
        var otherFamily = new IpvsDestination(Ip("fd00::7"), 443) { Forwarding = IpvsForwarding.Tunnel };
        var marked = new IpvsDestination(Ip("10.0.0.7"), 0) { Forwarding = IpvsForwarding.DirectRoute };

        AssertDestination("ipvsadm -a -t 10.96.0.10:443 -r 10.0.0.7:8443 -m -w 3", batch => batch.AddDestination(Web, masqueraded));
        AssertDestination("ipvsadm -a -t 10.96.0.10:443 -r 10.0.0.8:443 -g -w 1 -x 100 -y 50", batch => batch.AddDestination(Web, routed));
        AssertDestination(
            "ipvsadm -a -t 10.96.0.10:443 -r 10.0.0.9:443 -i --tun-type gue --tun-port 6080 --tun-csum",
            batch => batch.AddDestination(Web, tunnelled));
        AssertDestination("ipvsadm -a -t 10.96.0.10:443 -r [fd00::7]:443 -i", batch => batch.AddDestination(Web, otherFamily));
        AssertDestination(
            "ipvsadm -a -u [fd00::10]:53 -r [fd00::8]:5353 -m", batch => batch.AddDestination(Dns6, new IpvsDestination(Ip("fd00::8"), 5353)));
        AssertDestination("ipvsadm -a -f 7 -r 10.0.0.7:0 -g", batch => batch.AddDestination(new IpvsServiceKey(IPFamily.IPv4, 7), marked));
        AssertDestination(
            "ipvsadm -e -t 10.96.0.10:443 -r 10.0.0.7:8443 -m -w 0", batch => batch.SetDestination(Web, masqueraded with { Weight = 0 }));
        AssertSame(
            "ipvsadm -d -t 10.96.0.10:443 -r 10.0.0.8:443", batch => batch.DeleteDestination(Web, routed), moreInService: true, moreInDestination: true);
    }

    [Fact]
    public void Timeouts_flush_and_zero_are_written_as_ipvsadm_does()
    {
        AssertSent("ipvsadm --set 901 121 301", ipvs => ipvs.SetTimeouts(
            new IpvsTimeouts(TimeSpan.FromSeconds(901), TimeSpan.FromSeconds(121), TimeSpan.FromSeconds(301))));
        AssertSent("ipvsadm -C", ipvs => ipvs.Flush());
        AssertSent("ipvsadm -Z", ipvs => ipvs.ZeroAll());
    }

    [Fact]
    public void What_the_kernel_answered_ipvsadm_is_read()
    {
        var family = Read<GenericFamily>((NetlinkMessage message, [MaybeNullWhen(false)] out GenericFamily item) => GenericFamily.TryParse(message, out item))[0];
        var services = Read<IpvsServiceState>(
            (NetlinkMessage message, [MaybeNullWhen(false)] out IpvsServiceState item) => IpvsServiceState.TryParse(message, family.Id, out item));
        var destinations = Read<IpvsDestinationState>(
            (NetlinkMessage message, [MaybeNullWhen(false)] out IpvsDestinationState item) => IpvsDestinationState.TryParse(message, family.Id, IPFamily.IPv4, out item));
        var timeouts = Read<IpvsTimeouts>((NetlinkMessage message, out IpvsTimeouts item) => IpvsTimeouts.TryParse(message, family.Id, out item));
        var info = Read<IpvsInfo>((NetlinkMessage message, [MaybeNullWhen(false)] out IpvsInfo item) => IpvsInfo.TryParse(message, family.Id, out item));

        Assert.Equal(("IPVS", 1u), (family.Name, family.Version));
        Assert.Equal(
            [
                "IPv4 mark 7 wlc None 0 32 ", "IPv6 mark 8 lc None 0 128 ", "Sctp 10.96.0.12:5060 sed None 0 32 ",
                "Tcp 10.96.0.10:443 lc None 0 32 ", "Tcp 10.96.0.11:80 sh Persistent, Scheduler1, Scheduler2 10800 24 ",
                "Tcp [fd00::11]:80 mh Persistent 600 64 ", "Udp 10.96.0.13:5060 rr Persistent 60 32 sip", "Udp [fd00::10]:53 rr OnePacket 0 128 ",
            ],
            services.Select(state => state.Service).Distinct().Select(Describe).Order(StringComparer.Ordinal));
        Assert.Equal(
            [
                "10.0.0.7:0 DirectRoute 1 0 0 IPIP 0 None", "10.0.0.7:8443 Masquerade 0 0 0 IPIP 0 None",
                "10.0.0.9:443 Tunnel 1 0 0 Gue 6080 Checksum", "[fd00::7]:443 Tunnel 1 0 0 IPIP 0 None",
                "[fd00::8]:5353 Masquerade 1 0 0 IPIP 0 None",
            ],
            destinations.Select(state => state.Destination).Distinct().Select(Describe).Order(StringComparer.Ordinal));
        Assert.Equal(new IpvsTimeouts(TimeSpan.FromSeconds(901), TimeSpan.FromSeconds(121), TimeSpan.FromSeconds(301)), timeouts[0]);
        Assert.Equal(new IpvsInfo(new Version(1, 2, 1), 4096), info[0]);
    }

    [Fact]
    public void Statistics_are_read_in_64_bits_and_in_32_from_old_kernels()
    {
        Assert.Equal(new IpvsStatistics(1UL << 40, 2, 3, 4, 5, 6, 7, 8, 9, 10), ReadStatistics(IpvsHeader.IPVS_SVC_ATTR_STATS64, isWide: true));
        Assert.Equal(new IpvsStatistics(1, 2, 3, 4, 5, 6, 7, 8, 9, 10), ReadStatistics(IpvsHeader.IPVS_SVC_ATTR_STATS, isWide: false));

        static IpvsStatistics ReadStatistics(ushort attribute, bool isWide)
        {
            using var writer = new NetlinkWriter();
            new IpvsService(Web, "rr").Write(writer);
            using (writer.Nested(attribute))
            {
                for (ushort type = 1; type <= 10; type++)
                {
                    if (isWide || type is IpvsHeader.IPVS_STATS_ATTR_INBYTES or IpvsHeader.IPVS_STATS_ATTR_OUTBYTES)
                    {
                        var value = type == 1 ? 1UL << 40 : type;
                        MemoryMarshal.Write(writer.AttributeSpace(type, 8), in value);
                    }
                    else
                    {
                        writer.U32(type, type);
                    }
                }
            }

            return IpvsService.Read(new AttributeReader(writer.Written)).Statistics;
        }
    }

    [Fact]
    public void A_change_allocates_nothing_once_the_buffer_is_there()
    {
        using var batch = new IpvsBatch(32);
        var service = new IpvsService(Web, "wrr");
        var destination = new IpvsDestination(Ip("10.0.0.7"), 8443);
        Fill();

        var before = GC.GetAllocatedBytesForCurrentThread();
        Fill();

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);

        void Fill()
        {
            batch.Reset();
            for (var count = 0; count < 100; count++)
            {
                batch.AddService(service);
                batch.AddDestination(Web, destination);
                batch.DeleteDestination(Web, destination);
            }
        }
    }

    [Fact]
    public void What_is_missing_is_said_with_the_module_and_how_to_load_it()
    {
        Assert.Contains("modprobe ip_vs'", Assert.Single(new IpvsSupport(null, ["rr"]).Problems), StringComparison.Ordinal);
        Assert.Contains(
            "'modprobe ip_vs_mh'", Assert.Single(new IpvsSupport(new IpvsInfo(new Version(1, 2, 1), 4096), ["mh"]).Problems), StringComparison.Ordinal);
        Assert.True(new IpvsSupport(new IpvsInfo(new Version(1, 2, 1), 4096), []).IsComplete);
    }

    private static InetAddress Ip(string text) => InetAddress.Parse(text);

    private static string Describe(IpvsService service) => string.Create(
        CultureInfo.InvariantCulture,
        $"{service.Key} {service.Scheduler} {service.Flags} {service.Timeout.TotalSeconds} {service.PersistencePrefixLength} {service.PersistenceEngine}");

    private static string Describe(IpvsDestination destination) => string.Create(
        CultureInfo.InvariantCulture,
        $"{destination} {destination.Forwarding} {destination.Weight} {destination.UpperThreshold} {destination.LowerThreshold} " +
        $"{destination.Tunnel.Type} {destination.Tunnel.Port} {destination.Tunnel.Flags}");

    private static List<T> Read<T>(NetlinkParser<T> parse)
    {
        var items = new List<T>();
        foreach (var datagram in Dumps)
        {
            var reader = new NetlinkReader(datagram);
            while (reader.TryRead(out var message))
            {
                if (parse(message, out var item))
                {
                    items.Add(item);
                }
            }
        }

        return items;
    }

    private static void AssertDestination(string command, Action<IpvsBatch> write) => AssertSame(command, write, moreInService: true);

    /// <summary>ipvsadm describes the whole virtual or real server where the kernel reads what identifies it only.</summary>
    private static void AssertSame(string command, Action<IpvsBatch> write, bool moreInService = false, bool moreInDestination = false)
    {
        using var batch = new IpvsBatch(MemoryMarshal.Read<ushort>(Requests[command].AsSpan(4)));
        write(batch);
        var ours = Describe(batch.Writer.Written);
        var theirs = Describe(Requests[command]).Where(line =>
            ours.Contains(line)
            || !((moreInService && line.StartsWith("1.", StringComparison.Ordinal)) || (moreInDestination && line.StartsWith("2.", StringComparison.Ordinal))));

        Assert.Equal(theirs, ours);
    }

    private static void AssertSent(string command, Action<IpvsNetlink> send)
    {
        byte[] sent = [];
        using var kernel = new FakeKernel(request =>
        {
            sent = request;
            return [(byte[])[36, 0, 0, 0, 2, 0, 0, 1, .. request.AsSpan(8, 4), 0, 0, 0, 0, 0, 0, 0, 0, .. request.AsSpan(0, 16)]];
        });
        using var ipvs = new IpvsNetlink(
            new NetlinkConnection(NetlinkProtocol.Generic, kernel), MemoryMarshal.Read<ushort>(Requests[command].AsSpan(4)));
        send(ipvs);
        Assert.Equal(Describe(Requests[command]), Describe(sent));
    }

    /// <summary>Type, flags and command, then the attributes by their path, whose order is free.</summary>
    private static List<string> Describe(ReadOnlySpan<byte> bytes)
    {
        var reader = new NetlinkReader(bytes);
        Assert.True(reader.TryRead(out var message));
        var lines = new List<string>();
        var attributes = message.Attributes(GenericHeader.genlmsghdr.Size);
        while (attributes.TryRead(out var attribute))
        {
            if (attribute.Type is not (IpvsHeader.IPVS_CMD_ATTR_SERVICE or IpvsHeader.IPVS_CMD_ATTR_DEST))
            {
                lines.Add(string.Create(CultureInfo.InvariantCulture, $"{attribute.Type}: {Convert.ToHexString(attribute.Value)}"));
                continue;
            }

            var inner = attribute.Nested();
            while (inner.TryRead(out var value))
            {
                // ipvsadm says of every real server that it has no tunnel.
                var isNoTunnel = attribute.Type == IpvsHeader.IPVS_CMD_ATTR_DEST && value.Type >= IpvsHeader.IPVS_DEST_ATTR_TUN_TYPE
                    && !value.Value.ContainsAnyExcept((byte)0);
                if (!isNoTunnel)
                {
                    lines.Add(string.Create(CultureInfo.InvariantCulture, $"{attribute.Type}.{value.Type}: {Convert.ToHexString(value.Value)}"));
                }
            }
        }

        lines.Sort(StringComparer.Ordinal);
        lines.Insert(0, string.Create(
            CultureInfo.InvariantCulture, $"{message.Type} {message.Flags & ~NetlinkHeader.NLM_F_ACK:x} {Convert.ToHexString(message.Fixed(4))}"));
        return lines;
    }
}
