using System.Buffers.Binary;
using System.Runtime.InteropServices;
using ProxyFramework.Netlink.NfTables;

namespace ProxyFramework.Netlink.Tests.NfTables;

/// <summary>What Fixtures/services.nft says in nft's language, through the library, in the order in which nft sends it.</summary>
internal static class ServicesRuleset
{
    internal static readonly NftTable Table = new(NftFamily.IPv4, "proxy") { Comment = "of svcproxy" };

    internal static readonly NftSet Services = new(
        Table, "services", NftType.Concatenation(NftType.IPv4Address, NftType.InetProtocol, NftType.InetService))
    {
        DataType = NftType.Verdict,
        Comment = "frontends",
    };

    internal static readonly NftSet Endpoints = new(
        Table, "endpoints", NftType.Concatenation(NftType.IPv4Address, NftType.InetProtocol, NftType.InetService, NftType.Mark))
    {
        DataType = NftType.Concatenation(NftType.IPv4Address, NftType.InetService),
    };

    internal static readonly NftSet Affinity = new(
        Table, "affinity", NftType.Concatenation(NftType.IPv4Address, NftType.IPv4Address, NftType.InetProtocol, NftType.InetService))
    {
        DataType = NftType.Mark,
        Flags = NftSetFlags.Dynamic | NftSetFlags.Timeout,
        Size = 65536,
        Timeout = TimeSpan.FromHours(3),
    };

    internal static readonly NftSet Hairpin = new(Table, "hairpin", NftType.Concatenation(NftType.IPv4Address, NftType.IPv4Address))
    {
        Flags = NftSetFlags.Timeout,
    };

    internal static readonly NftSet Sources = new(Table, "sources", NftType.IPv4Address) { Flags = NftSetFlags.Interval };

    internal static readonly NftSet Allowed = new(
        Table, "allowed", NftType.Concatenation(NftType.IPv4Address, NftType.InetProtocol, NftType.InetService, NftType.IPv4Address))
    {
        Flags = NftSetFlags.Interval,
    };

    internal static readonly NftChain Pick2 = new(Table, "pick-2");
    internal static readonly NftChain PickHash = new(Table, "pick-hash");
    internal static readonly NftChain Refuse = new(Table, "refuse");
    internal static readonly NftChain Pre = new(Table, "pre")
    {
        Base = new NftBaseChain(NftBaseChain.Nat, NftHook.PreRouting, NftBaseChain.DestinationNatPriority),
    };

    internal static readonly NftChain Post = new(Table, "post")
    {
        Base = new NftBaseChain(NftBaseChain.Nat, NftHook.PostRouting, NftBaseChain.SourceNatPriority),
    };

    internal static readonly NftChain Raw = new(Table, "raw")
    {
        Base = new NftBaseChain(NftBaseChain.Filter, NftHook.PreRouting, NftBaseChain.RawPriority) { Policy = NftPolicy.Drop },
    };

    internal static readonly NftTable Table6 = new(NftFamily.IPv6, "proxy6") { Flags = NftTableFlags.Dormant };
    internal static readonly NftChain Refuse6 = new(Table6, "refuse");
    internal static readonly NftSet Endpoints6 = new(
        Table6, "endpoints", NftType.Concatenation(NftType.IPv6Address, NftType.InetProtocol, NftType.InetService, NftType.Mark))
    {
        DataType = NftType.Concatenation(NftType.IPv6Address, NftType.InetService),
    };

    internal static void Write(NftBatch batch)
    {
        batch.AddTable(Table);
        foreach (var chain in (NftChain[])[Pick2, PickHash, Refuse, Pre, Post, Raw])
        {
            batch.AddChain(chain);
        }

        WriteSets(batch);
        WritePicks(batch);
        WriteRefusals(batch);
        WriteBaseChains(batch);

        batch.AddTable(Table6);
        batch.AddChain(Refuse6);
        batch.AddSet(Endpoints6);
        batch.AddElement(Endpoints6, Key("fd00::10", 6, 53, slot: 0), Target("fd00::7", 5353));
        batch.AddRule(Refuse6, static rule => rule.Reject(NftReject.NoRoute));
    }

    /// <summary>address . protocol . port, and with a slot . mark</summary>
    internal static byte[] Key(string address, byte protocol, ushort port, uint? slot = null)
    {
        var bytes = Address(address);
        byte[] key = [.. bytes, protocol, 0, 0, 0, (byte)(port >> 8), (byte)port, 0, 0];
        if (slot is { } number)
        {
            key = [.. key, .. MemoryMarshal.AsBytes(new ReadOnlySpan<uint>(in number))];
        }

        return key;
    }

    internal static byte[] Target(string address, ushort port) => [.. Address(address), (byte)(port >> 8), (byte)port, 0, 0];

    internal static byte[] Address(string text)
    {
        var address = InetAddress.Parse(text);
        var bytes = new byte[address.Size];
        address.WriteBytes(bytes);
        return bytes;
    }

    internal static byte[] Port(ushort port)
    {
        var bytes = new byte[2];
        BinaryPrimitives.WriteUInt16BigEndian(bytes, port);
        return bytes;
    }

    private static void WriteSets(NftBatch batch)
    {
        batch.AddSet(Services);
        batch.AddElement(Services, Key("10.96.0.10", 6, 53), NftVerdict.Goto("pick-2"), "kube-system/dns:tcp");
        batch.AddElement(Services, Key("10.96.0.11", 17, 54), NftVerdict.Drop);
        batch.AddSet(Endpoints);
        batch.AddElement(Endpoints, Key("10.96.0.10", 6, 53, 0), Target("10.0.0.7", 5353));
        batch.AddElement(Endpoints, Key("10.96.0.10", 6, 53, 1), Target("10.0.0.8", 5353));
        batch.AddSet(Affinity);
        batch.AddSet(Hairpin);
        batch.AddElement(Hairpin, [.. Address("10.0.0.7"), .. Address("10.0.0.7")], timeout: TimeSpan.FromSeconds(5));
        batch.AddSet(Sources);
        batch.AddInterval(Sources, Address("192.0.2.0"), Address("192.0.2.255"));
        batch.AddInterval(Sources, Address("198.51.100.7"), Address("198.51.100.7"));
        batch.AddSet(Allowed);
        batch.AddInterval(
            Allowed,
            [.. Key("10.96.0.10", 6, 53), .. Address("10.0.0.0")],
            [.. Key("10.96.0.10", 6, 53), .. Address("10.255.255.255")]);
    }

    private static void WritePicks(NftBatch batch)
    {
        batch.AddRule(Pick2, static rule => rule
            .IPv4Source(0).IPv4Destination(1).TransportProtocol(2).DestinationPort(3)
            .NumGen(NftNumGenType.Random, 2, 4).DynamicSet(NftDynamicOperation.Update, "affinity", 0, 4));
        batch.AddRule(Pick2, "two", static rule => rule
            .IPv4Destination(0).TransportProtocol(1).DestinationPort(2).Meta(NftMeta.Mark, 3)
            .LookupMap("endpoints", 0, 0).DestinationNat(IPFamily.IPv4, 0, 1));
        batch.AddRule(PickHash, static rule => rule.IPv4Source(4).JHash(4, 4, 7, 0x1234, 0).SetMeta(NftMeta.Mark, 0));
        batch.AddRule(PickHash, static rule => rule.SymHash(5, 0).SetMeta(NftMeta.Mark, 0));
        batch.AddRule(PickHash, static rule => rule.NumGen(NftNumGenType.Incremental, 3, 0, 4).SetMeta(NftMeta.Mark, 0));
    }

    private static void WriteRefusals(NftBatch batch)
    {
        batch.AddRule(Refuse, static rule => rule.TransportProtocol(0).Compare(0, NftComparison.Equal, 6).Reject(NftReject.TcpReset));
        batch.AddRule(Refuse, static rule => rule.Reject(NftReject.PortUnreachable));
        batch.AddRule(Refuse, static rule => rule.Counter());
        batch.AddRule(Refuse, static rule => rule.Limit(10, TimeSpan.FromSeconds(1)).Log("refused "));
    }

    private static void WriteBaseChains(NftBatch batch)
    {
        batch.AddRule(Pre, static rule => rule
            .Fib(NftFibFlags.Destination, NftFibResult.AddressType, 0).CompareHost(0, NftComparison.Equal, 2)
            .Meta(NftMeta.Mark, 0).BitwiseHost(0, 0xFFFFBFFF, 0x4000).SetMeta(NftMeta.Mark, 0));
        batch.AddRule(Pre, static rule => rule
            .IPv4Destination(0).TransportProtocol(1).DestinationPort(2).LookupVerdict("services", 0));
        batch.AddRule(Pre, static rule => rule
            .Ct(NftCt.State, 0).BitwiseHost(0, 8, 0).CompareHost(0, NftComparison.NotEqual, 0)
            .Ct(NftCt.Status, 0).BitwiseHost(0, 32, 0).CompareHost(0, NftComparison.NotEqual, 0)
            .TransportProtocol(0).Compare(0, NftComparison.Equal, 6)
            .DestinationPort(0).Compare(0, NftComparison.GreaterOrEqual, Port(80)).Compare(0, NftComparison.LessOrEqual, Port(90))
            .Meta(NftMeta.IncomingName, 0).Compare(0, NftComparison.Equal, "eth0\0\0\0\0\0\0\0\0\0\0\0\0"u8)
            .Accept());
        batch.AddRule(Pre, static rule => rule
            .Payload(NftPayloadBase.NetworkHeader, 16, 1, 0).Compare(0, NftComparison.NotEqual, 10)
            .TransportProtocol(0).Compare(0, NftComparison.Equal, 6)
            .DestinationPort(0).Compare(0, NftComparison.Equal, Port(1))
            .Immediate(0, Port(8080)).Redirect(0));
        batch.AddRule(Pre, static rule => rule.Immediate(0, 7, 0, 0, 0).SetCt(NftCt.Mark, 0));
        batch.AddRule(Post, static rule => rule
            .Meta(NftMeta.Mark, 0).BitwiseHost(0, 0x4000, 0).CompareHost(0, NftComparison.Equal, 0x4000)
            .Masquerade(NftNatFlags.FullyRandom));
        batch.AddRule(Post, static rule => rule.IPv4Source(0).IPv4Destination(1).Lookup("hairpin", 0).Masquerade());
        batch.AddRule(Post, static rule => rule
            .IPv4Source(0).Compare(0, NftComparison.Equal, Address("10.0.0.1"))
            .Immediate(0, Address("10.0.0.2")).SourceNat(IPFamily.IPv4, 0));
        batch.AddRule(Raw, static rule => rule.IPv4Source(0).Lookup("sources", 0).NoTrack());
        batch.AddRule(Raw, static rule => rule
            .Ct(NftCt.State, 0).BitwiseHost(0, 1, 0).CompareHost(0, NftComparison.NotEqual, 0).Drop());
    }
}
