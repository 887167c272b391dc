using System.Runtime.InteropServices;
using CsCheck;
using ProxyFramework.Netlink.Conntrack;
using ProxyFramework.Netlink.NfTables;
using ProxyFramework.Netlink.Route;
using Xunit;

namespace ProxyFramework.Netlink.Tests.Core;

/// <summary>Whatever bytes come, reading ends, and fails in no other way than <see cref="NetlinkFormatException"/>.</summary>
public sealed class ReaderFuzzTests
{
    private static readonly byte[][] Captured =
    [
        .. File.ReadAllLines(Path.Combine(AppContext.BaseDirectory, "Fixtures", "services.hex")).Select(Convert.FromHexString),
        .. File.ReadAllLines(Path.Combine(AppContext.BaseDirectory, "Fixtures", "dumps.hex")).Select(Convert.FromHexString),
    ];

    [Fact]
    public void Random_bytes() => Gen.Byte.Array[0, 400].Sample(ReadEverything, iter: 100_000);

    [Fact]
    public void Random_payloads_of_every_message_type() => Gen.Select(Gen.UShort, Gen.Int[0, 14], Gen.Byte.Array[0, 200])
        .Sample(
            (random, kind, payload) =>
            {
                ushort[] types = [16, 20, 24, 32, 0x100, 0xA00, 0xA03, 0xA06, 0xA09, 0xA0C, 0xA0F, 0xA12, 2, 3, random];
                ReadEverything(Message(types[kind], payload));
            },
            iter: 100_000);

    [Fact]
    public void Captured_messages_with_changed_bytes() => Gen.Select(
            Gen.Int[0, Captured.Length - 1],
            Gen.Select(Gen.Int[0, 5_000], Gen.Byte).Array[0, 6],
            Gen.Int[0, 5_000])
        .Sample(
            (index, changes, cut) =>
            {
                var bytes = (byte[])Captured[index].Clone();
                foreach (var (at, value) in changes)
                {
                    bytes[at % bytes.Length] = value;
                }

                ReadEverything(cut < bytes.Length && cut % 3 == 0 ? bytes[..cut] : bytes);
            },
            iter: 100_000);

    [Fact]
    public void Captured_messages_are_read_without_an_error() => Assert.All(
        Captured.Where(bytes => !IsBatchMark(bytes)),
        bytes => ReadAll(bytes));

    /// <summary>NFNL_MSG_BATCH_BEGIN and _END have the numbers of rtnetlink's link messages.</summary>
    private static bool IsBatchMark(byte[] bytes) => bytes.Length == 20 && bytes[5] == 0 && bytes[4] is 16 or 17;

    private static void ReadEverything(byte[] bytes)
    {
        try
        {
            ReadAll(bytes);
        }
        catch (NetlinkFormatException)
        {
            // The only way to fail.
        }

        try
        {
            using var kernel = new FakeKernel(_ => [bytes]);
            using var connection = new NetlinkConnection(NetlinkProtocol.Netfilter, kernel);
            using var writer = new NetlinkWriter();
            writer.BeginMessage(0xA03, 0);
            writer.EndMessage();
            if (bytes.Length >= 12)
            {
                connection.SetNextSequence(MemoryMarshal.Read<uint>(bytes.AsSpan(8)));
            }

            connection.TryExecute(writer);
        }
        catch (NetlinkFormatException)
        {
            // The only way to fail, beside that no answer comes.
        }
        catch (NetlinkException timeout) when (timeout.ErrorNumber == Errno.ETIMEDOUT)
        {
        }
    }

    private static void ReadAll(ReadOnlySpan<byte> bytes)
    {
        var reader = new NetlinkReader(bytes);
        while (reader.TryRead(out var message))
        {
            _ = Link.TryParse(message, out _);
            _ = InterfaceAddress.TryParse(message, out _);
            _ = IpRoute.TryParse(message, out _);
            _ = RoutingRule.TryParse(message, out _);
            _ = NftTable.TryParse(message, out _);
            _ = NftChain.TryParse(message, out _);
            _ = NftRule.TryParse(message, out _);
            _ = NftSet.TryParse(message, out _);
            _ = NftGeneration.TryParse(message, out _);
            NftElementView.ReadAll(message, new Target());
            _ = CtEntry.TryParse(message, out _);
        }

        RouteSubscription.Parse(bytes, []);
        NftSubscription.Parse(bytes, []);
    }

    private static byte[] Message(ushort type, byte[] payload) =>
        [.. BitConverter.GetBytes(16 + payload.Length), .. BitConverter.GetBytes(type), 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, .. payload];

    private sealed class Target : INftElementTarget
    {
        public void Begin()
        {
        }

        public bool Add(NftElementView element) => NftElement.Copy(element).Key.Length >= 0;
    }
}
