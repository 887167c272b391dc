using Xunit;

namespace ProxyFramework.Netlink.Tests.Core;

public sealed class NetlinkWriterTests
{
    [Fact]
    public void Messages_and_attributes_are_aligned_padded_and_counted()
    {
        using var writer = new NetlinkWriter(16);
        writer.BeginMessage(0x14, 0x100);
        using (writer.Nested(7))
        {
            writer.U8(1, 0xAA);
            writer.String(2, "abcd");
        }

        writer.EndMessage();

        // struct nlmsghdr: length, type, flags | NLM_F_REQUEST, sequence, port
        Assert.Equal(
            "28000000" + "1400" + "0101" + "00000000" + "00000000" + "18000780" + "05000100AA000000" + "09000200" + "61626364" + "00000000",
            Convert.ToHexString(writer.Written));
        Assert.Equal(1, writer.MessageCount);
    }

    [Fact]
    public void What_is_written_is_read_back_over_many_growths()
    {
        using var writer = new NetlinkWriter(16);
        for (var number = 0; number < 10_000; number++)
        {
            writer.BeginMessage((ushort)(16 + (number % 100)), 0);
            writer.U32BigEndian(3, (uint)number);
            writer.EndMessage();
        }

        var reader = new NetlinkReader(writer.Written);
        var count = 0;
        while (reader.TryRead(out var message))
        {
            var attributes = message.Attributes(0);
            Assert.True(attributes.TryRead(out var attribute));
            Assert.Equal((uint)count++, attribute.ReadU32BigEndian());
            Assert.False(attributes.TryRead(out _));
        }

        Assert.Equal(10_000, count);
    }

    [Fact]
    public void An_attribute_that_does_not_fit_its_length_is_refused()
    {
        using var writer = new NetlinkWriter();
        writer.BeginMessage(16, 0);
        Assert.Throws<ArgumentOutOfRangeException>(() => writer.Attribute(1, new byte[65_532]));

        Assert.Throws<InvalidOperationException>(() =>
        {
            using (writer.Nested(1))
            {
                writer.Attribute(1, new byte[40_000]);
                writer.Attribute(1, new byte[40_000]);
            }
        });
    }

    [Fact]
    public void A_message_begun_inside_another_is_refused()
    {
        using var writer = new NetlinkWriter();
        writer.BeginMessage(16, 0);

        Assert.Throws<InvalidOperationException>(() => writer.BeginMessage(16, 0));
    }
}
