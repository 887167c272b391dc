using CsCheck;
using ProxyFramework.Netlink.Generic;
using ProxyFramework.Netlink.Ipvs;
using Xunit;

namespace ProxyFramework.Netlink.Tests.Ipvs;

/// <summary>Whatever bytes come, reading ends, and fails in no other way than <see cref="NetlinkFormatException"/>.</summary>
public sealed class IpvsFuzzTests
{
    private static readonly byte[][] Captured =
        [.. File.ReadAllLines(Path.Combine(AppContext.BaseDirectory, "Fixtures", "ipvs-dumps.hex")).Select(Convert.FromHexString)];

    [Fact]
    public void Random_payloads_of_every_command() => Gen.Select(Gen.Byte[0, 20], Gen.Byte.Array[0, 200])
        .Sample(
            (command, payload) => ReadEverything(
                [.. BitConverter.GetBytes(20 + payload.Length), 32, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, command, 1, 0, 0, .. payload]),
            iter: 100_000);

    [Fact]
    public void Random_attributes_of_services_and_destinations() => Gen.Select(
            Gen.Byte[1, 8], Gen.Byte[1, 2], Gen.Select(Gen.Byte[1, 16], Gen.Byte.Array[0, 20]).Array[0, 12])
        .Sample(
            (command, attribute, values) =>
            {
                using var writer = new NetlinkWriter();
                writer.BeginMessage(32, 0);
                writer.Fixed(new GenericHeader.genlmsghdr { cmd = command, version = 1 });
                using (writer.Nested(attribute))
                {
                    foreach (var (type, value) in values)
                    {
                        writer.Attribute(type, value);
                    }
                }

                writer.EndMessage();
                ReadEverything(writer.Written);
            },
            iter: 100_000);

    [Fact]
    public void Captured_messages_with_changed_bytes() => Gen.Select(
            Gen.Int[0, Captured.Length - 1],
            Gen.Select(Gen.Int[0, 2_000], Gen.Byte).Array[0, 6],
            Gen.Int[0, 2_000])
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
    public void Captured_messages_are_read_without_an_error() => Assert.All(Captured, bytes => ReadAll(bytes));

    private static void ReadEverything(ReadOnlySpan<byte> bytes)
    {
        try
        {
            ReadAll(bytes);
        }
        catch (NetlinkFormatException)
        {
            // The only way to fail.
        }
    }

    private static void ReadAll(ReadOnlySpan<byte> bytes)
    {
        var reader = new NetlinkReader(bytes);
        while (reader.TryRead(out var message))
        {
            _ = GenericFamily.TryParse(message, out _);

            // The type of IPVS messages is given out at run time: any but the fixed ones may be it.
            if (message.Type > NetlinkHeader.NLMSG_MIN_TYPE)
            {
                _ = IpvsServiceState.TryParse(message, message.Type, out _);
                _ = IpvsDestinationState.TryParse(message, message.Type, IPFamily.IPv6, out _);
                _ = IpvsTimeouts.TryParse(message, message.Type, out _);
                _ = IpvsInfo.TryParse(message, message.Type, out _);
            }
        }
    }
}
