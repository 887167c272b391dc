using System.Globalization;
using ProxyFramework.Netlink.Ipvs;

namespace ProxyFramework.Netlink.Tests.Ipvs;

/// <summary>Virtual servers of all kinds, always the same ones, and how ipvsadm saves them (<c>ipvsadm -Sn</c>).</summary>
internal static class IpvsSamples
{
    private static readonly TransportProtocol[] Protocols = [TransportProtocol.Tcp, TransportProtocol.Udp, TransportProtocol.Sctp];
    private static readonly int[] Prefixes4 = [32, 24, 8, 1];
    private static readonly int[] Prefixes6 = [128, 64, 48, 1];

    internal static IReadOnlyList<(IpvsService Service, IpvsDestination[] Destinations)> Services(int count, string[] schedulers)
    {
        var random = new Random(4);
        var services = new List<(IpvsService, IpvsDestination[])>();
        for (var number = 1; number <= count; number++)
        {
            var family = random.Next(2) == 0 ? IPFamily.IPv4 : IPFamily.IPv6;
            var key = number % 10 == 0
                ? new IpvsServiceKey(family, (uint)number)
                : new IpvsServiceKey(Protocols[random.Next(3)], Address(family, 96, number), (ushort)(1_000 + number));
            var scheduler = schedulers[number % schedulers.Length];
            var service = new IpvsService(key, scheduler) { Flags = Flags(random, key, scheduler) };
            if (service.Flags.HasFlag(IpvsServiceFlags.Persistent))
            {
                service = service with
                {
                    Timeout = TimeSpan.FromSeconds(random.Next(1, 86_400)),
                    PersistencePrefixLength = (family == IPFamily.IPv4 ? Prefixes4 : Prefixes6)[random.Next(4)],
                };
            }

            services.Add((service, [.. Enumerable.Range(1, random.Next(6)).Select(index => Destination(random, key, index))]));
        }

        return services;
    }

    internal static IEnumerable<string> SavedByIpvsadm(IpvsService service, IEnumerable<IpvsDestination> destinations)
    {
        var name = Name(service.Key);
        var line = $"-A {name} -s {service.Scheduler}";
        if (service.Flags.HasFlag(IpvsServiceFlags.Persistent))
        {
            line += string.Create(CultureInfo.InvariantCulture, $" -p {service.Timeout.TotalSeconds}");
            line += (service.Key.Family, service.PersistencePrefixLength) switch
            {
                (IPFamily.IPv4, 32) or (IPFamily.IPv6, 128) => "",
                (IPFamily.IPv4, var length) => $" -M {InetAddress.FromIPv4(uint.MaxValue).Mask(length)}",
                (_, var length) => string.Create(CultureInfo.InvariantCulture, $" -M {length}"),
            };
        }

        line += service.Flags.HasFlag(IpvsServiceFlags.OnePacket) ? " -o" : "";
        string[] flags =
        [
            .. service.Flags.HasFlag(IpvsServiceFlags.Scheduler1) ? [$"{service.Scheduler}-fallback"] : Array.Empty<string>(),
            .. service.Flags.HasFlag(IpvsServiceFlags.Scheduler2) ? [$"{service.Scheduler}-port"] : Array.Empty<string>(),
        ];
        yield return flags.Length == 0 ? line : $"{line} -b {string.Join(',', flags)}";

        foreach (var destination in destinations)
        {
            var method = destination.Forwarding switch
            {
                IpvsForwarding.Masquerade => "-m",
                IpvsForwarding.DirectRoute => "-g",
                _ => "-i",
            };
            var tunnel = destination.Tunnel switch
            {
                { Type: IpvsTunnelType.Gue } gue => string.Create(CultureInfo.InvariantCulture, $" --tun-type gue --tun-port {gue.Port} --tun-csum"),
                { Type: IpvsTunnelType.Gre } => " --tun-type gre --tun-csum",
                _ when destination.Forwarding == IpvsForwarding.Tunnel => " --tun-type ipip",
                _ => "",
            };
            yield return string.Create(CultureInfo.InvariantCulture, $"-a {name} -r {destination} {method} -w {destination.Weight}{tunnel}");
        }
    }

    private static string Name(IpvsServiceKey key)
    {
        if (key.Mark != 0)
        {
            return string.Create(CultureInfo.InvariantCulture, $"-f {key.Mark}{(key.Family == IPFamily.IPv6 ? " -6" : "")}");
        }

        var option = key.Protocol switch
        {
            TransportProtocol.Tcp => "-t",
            TransportProtocol.Udp => "-u",
            _ => "--sctp-service",
        };
        return $"{option} {new IpvsDestination(key.Address, key.Port)}";
    }

    private static IpvsServiceFlags Flags(Random random, IpvsServiceKey key, string scheduler)
    {
        var flags = random.Next(3) == 0 ? IpvsServiceFlags.Persistent : IpvsServiceFlags.None;
        if (key.Protocol == TransportProtocol.Udp && flags == IpvsServiceFlags.None)
        {
            flags |= IpvsServiceFlags.OnePacket;
        }

        return scheduler is "sh" or "mh" ? flags | (IpvsServiceFlags)(random.Next(4) * (int)IpvsServiceFlags.Scheduler1) : flags;
    }

    private static IpvsDestination Destination(Random random, IpvsServiceKey service, int index)
    {
        var destination = new IpvsDestination(Address(service.Family, 1, index), service.Port) { Weight = random.Next(4) };
        return random.Next(6) switch
        {
            0 => destination with { Forwarding = IpvsForwarding.DirectRoute },
            1 => destination with { Forwarding = IpvsForwarding.Tunnel },
            2 => destination with
            {
                Forwarding = IpvsForwarding.Tunnel,
                Tunnel = new IpvsTunnel(IpvsTunnelType.Gue, 6080, IpvsTunnelFlags.Checksum),
            },
            3 => destination with { Forwarding = IpvsForwarding.Tunnel, Tunnel = new IpvsTunnel(IpvsTunnelType.Gre, 0, IpvsTunnelFlags.Checksum) },
            4 when service.Mark == 0 => destination with { Port = 8080, UpperThreshold = 100, LowerThreshold = 50 },
            _ => destination,
        };
    }

    private static InetAddress Address(IPFamily family, int net, int number) => InetAddress.Parse(family == IPFamily.IPv4
        ? string.Create(CultureInfo.InvariantCulture, $"10.{net}.{number / 250}.{(number % 250) + 1}")
        : string.Create(CultureInfo.InvariantCulture, $"fd00:{net}::{number + 1:x}"));
}
