using System.Runtime.InteropServices;
using Xunit;

namespace ProxyFramework.Netlink.Tests.Core;

public sealed class NetlinkConnectionTests
{
    private const ushort Multi = NetlinkHeader.NLM_F_MULTI;

    [Fact]
    public void A_dump_that_the_kernel_marks_as_inconsistent_begins_again()
    {
        var attempt = 0;
        using var kernel = new FakeKernel(request => ++attempt switch
        {
            1 => [Message(request, 20, Multi, 1), Message(request, 20, Multi | NetlinkHeader.NLM_F_DUMP_INTR, 2), Done(request)],
            2 => [Message(request, 20, Multi, 3), Done(request, flags: NetlinkHeader.NLM_F_DUMP_INTR)],
            3 => [Done(request, errno: Errno.EINTR)],
            _ => [Message(request, 20, Multi, 4), Message(request, 20, Multi, 5), Done(request)],
        });

        Assert.Equal([4u, 5u], Dump(kernel));
        Assert.Equal(4, kernel.Sends);
    }

    [Fact]
    public void A_dump_that_never_stands_still_fails_in_the_end()
    {
        using var kernel = new FakeKernel(request => [Done(request, flags: NetlinkHeader.NLM_F_DUMP_INTR)]);

        Assert.Equal(Errno.EINTR, Assert.Throws<NetlinkException>(() => Dump(kernel)).ErrorNumber);
    }

    [Fact]
    public void A_dump_that_ends_with_an_error_throws_it_with_the_kernels_text()
    {
        using var kernel = new FakeKernel(request => [Message(request, 20, Multi, 1), Done(request, errno: Errno.EINVAL, text: "no such thing")]);

        var refused = Assert.Throws<NetlinkException>(() => Dump(kernel));

        Assert.Equal((Errno.EINVAL, "no such thing", "RTM_GETADDR"), (refused.ErrorNumber, refused.Error!.KernelText, refused.Error.Request));
    }

    [Fact]
    public void Answers_to_an_earlier_request_are_passed_over()
    {
        using var kernel = new FakeKernel(request =>
        {
            var stale = Message(request, 20, Multi, 99);
            stale[8]++;
            var staleEnd = Done(request);
            staleEnd[8]++;
            return [stale, staleEnd, Message(request, 20, Multi, 1), Done(request)];
        });

        Assert.Equal([1u], Dump(kernel));
    }

    [Fact]
    public void A_malformed_answer_is_an_error_of_format()
    {
        using var kernel = new FakeKernel(_ => [new byte[] { 200, 0, 0, 0, 20, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0 }]);

        Assert.Throws<NetlinkFormatException>(() => Dump(kernel));
    }

    [Fact]
    public void Messages_are_sent_in_parts_and_errors_belong_to_their_message()
    {
        using var kernel = new FakeKernel(RefuseEach(500));
        using var connection = new NetlinkConnection(NetlinkProtocol.Route, kernel);
        using var writer = Messages(3_000);

        var errors = connection.TryExecute(writer);

        Assert.Equal([0, 500, 1_000, 1_500, 2_000, 2_500], errors.Select(error => error.MessageIndex));
        Assert.Equal(3, kernel.Sends);
    }

    [Fact]
    public void Lost_answers_are_reported_and_the_next_request_works()
    {
        var sends = 0;
        using var kernel = new FakeKernel(request => ++sends == 1
            ? [new NetlinkException("recvfrom", Errno.ENOBUFS)]
            : [Acknowledge(request, 0)]);
        using var connection = new NetlinkConnection(NetlinkProtocol.Route, kernel);
        using var writer = Messages(2);

        Assert.Equal(Errno.ENOBUFS, Assert.Single(connection.TryExecute(writer)).Errno);
        writer.Reset();
        Add(writer);
        Assert.Empty(connection.TryExecute(writer));
    }

    private static Func<byte[], IEnumerable<object>> RefuseEach(int step)
    {
        var index = 0;
        return sent => Answer(sent);

        IEnumerable<object> Answer(byte[] sent)
        {
            for (var at = 0; at < sent.Length; at += MemoryMarshal.Read<int>(sent.AsSpan(at)), index++)
            {
                var request = sent[at..(at + MemoryMarshal.Read<int>(sent.AsSpan(at)))];
                var last = at + request.Length == sent.Length;
                Assert.Equal(last, (request[6] & NetlinkHeader.NLM_F_ACK) != 0);
                if (index % step == 0 || last)
                {
                    yield return Acknowledge(request, index % step == 0 ? Errno.EEXIST : 0);
                }
            }
        }
    }

    private static List<uint> Dump(FakeKernel kernel)
    {
        using var connection = new NetlinkConnection(NetlinkProtocol.Route, kernel);
        using var writer = new NetlinkWriter();
        writer.BeginMessage(22, 0);
        writer.EndMessage();
        return connection.Dump(writer, static (NetlinkMessage message, out uint item) =>
        {
            item = MemoryMarshal.Read<uint>(message.Fixed(4));
            return true;
        });
    }

    private static NetlinkWriter Messages(int count)
    {
        var writer = new NetlinkWriter();
        for (var number = 0; number < count; number++)
        {
            Add(writer);
        }

        return writer;
    }

    private static void Add(NetlinkWriter writer)
    {
        writer.BeginMessage(20, 0);
        writer.U32(1, 7);
        writer.EndMessage();
    }

    private static byte[] Message(byte[] request, ushort type, int flags, uint value) => Header(request, type, flags, BitConverter.GetBytes(value));

    private static byte[] Acknowledge(byte[] request, int errno) =>
        Header(request, NetlinkHeader.NLMSG_ERROR, NetlinkHeader.NLM_F_CAPPED, [.. BitConverter.GetBytes(-errno), .. request.AsSpan(0, 16)]);

    private static byte[] Done(byte[] request, int flags = 0, int errno = 0, string? text = null)
    {
        byte[] attributes = text is null ? [] : [(byte)(5 + text.Length), 0, 1, 0, .. System.Text.Encoding.UTF8.GetBytes(text), 0];
        return Header(
            request,
            NetlinkHeader.NLMSG_DONE,
            Multi | flags | (text is null ? 0 : NetlinkHeader.NLM_F_ACK_TLVS),
            [.. BitConverter.GetBytes(-errno), .. attributes]);
    }

    private static byte[] Header(byte[] request, ushort type, int flags, byte[] payload) =>
    [
        .. BitConverter.GetBytes(16 + payload.Length), .. BitConverter.GetBytes(type), .. BitConverter.GetBytes((ushort)flags),
        .. request.AsSpan(8, 4), 0, 0, 0, 0, .. payload,
    ];
}
