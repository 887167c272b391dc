using System.Buffers.Binary;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Tmds.Linux;
using static ProxyFramework.Netlink.NetlinkHeader;
using static Tmds.Linux.LibC;

namespace ProxyFramework.Netlink;

/// <summary>
/// A socket of the kernel's netlink interface (netlink(7)), bound to a port that the kernel chooses, in the network namespace of
/// the thread that opens it. Only what the kernel itself sent is received.
/// </summary>
public sealed unsafe class NetlinkSocket : INetlinkTransport
{
    /// <summary>An answer comes at once or never; the limit is for a kernel that has lost it.</summary>
    private static readonly TimeSpan AnswerTimeout = TimeSpan.FromSeconds(30);

    private readonly SafeSocketHandle _handle;
    private int _sendBuffer;

    private NetlinkSocket(SafeSocketHandle handle, uint portId)
    {
        _handle = handle;
        PortId = portId;
    }

    /// <summary>The netlink port of this socket (<c>nl_pid</c>); notifications that it caused carry it.</summary>
    public uint PortId { get; }

    internal SafeSocketHandle Handle => _handle;

    /// <summary>Opens and binds a socket.</summary>
    /// <param name="protocol">The netlink family.</param>
    /// <param name="receiveBuffer">Bytes of receive buffer (<c>SO_RCVBUFFORCE</c>, or <c>SO_RCVBUF</c> without the privilege).</param>
    /// <exception cref="NetlinkException">A system call failed.</exception>
    public static NetlinkSocket Open(NetlinkProtocol protocol, int receiveBuffer = 8 << 20)
    {
        var fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, (int)protocol);
        if (fd < 0)
        {
            throw new NetlinkException("socket", errno);
        }

        var handle = new SafeSocketHandle(fd, ownsHandle: true);
        try
        {
            // Errors then carry the kernel's text, and not a copy of the whole request.
            SetOption(fd, SOL_NETLINK, NETLINK_EXT_ACK, 1);
            SetOption(fd, SOL_NETLINK, NETLINK_CAP_ACK, 1);
            if (protocol == NetlinkProtocol.Route)
            {
                // Makes rtnetlink honour the filters of a dump request, and refuse what it does not know.
                SetOption(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1);
            }

            SetBuffer(fd, SO_RCVBUFFORCE, SO_RCVBUF, receiveBuffer);
            var timeout = new KernelTimeval { Seconds = (long)AnswerTimeout.TotalSeconds };
            Check("setsockopt", setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(KernelTimeval)));

            var address = new KernelNetlinkAddress { Family = (ushort)AF_NETLINK };
            socklen_t size = (uint)sizeof(KernelNetlinkAddress);
            Check("bind", bind(fd, (sockaddr*)&address, size));
            Check("getsockname", getsockname(fd, (sockaddr*)&address, &size));
            return new NetlinkSocket(handle, address.PortId);
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>Joins a multicast group (<c>NETLINK_ADD_MEMBERSHIP</c>).</summary>
    /// <exception cref="NetlinkException">The group does not exist or may not be joined.</exception>
    public void Join(uint group) => SetOption((int)_handle.DangerousGetHandle(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, (int)group);

    /// <summary>Leaves a multicast group (<c>NETLINK_DROP_MEMBERSHIP</c>).</summary>
    /// <exception cref="NetlinkException">The group does not exist.</exception>
    public void Leave(uint group) => SetOption((int)_handle.DangerousGetHandle(), SOL_NETLINK, NETLINK_DROP_MEMBERSHIP, (int)group);

    /// <summary>
    /// Keeps notifications of what one port did out of the receive buffer, by a filter in the kernel (<c>SO_ATTACH_FILTER</c>): a
    /// listener that makes many changes itself would have it overrun by its own.
    /// </summary>
    /// <exception cref="NetlinkException">The system call failed.</exception>
    public void Ignore(uint portId)
    {
        const int OffsetOfPortId = 12; // nlmsg_pid in struct nlmsghdr
        var port = BitConverter.IsLittleEndian ? BinaryPrimitives.ReverseEndianness(portId) : portId; // BPF_ABS reads big-endian
        Span<SocketFilter> program =
        [
            new(BPF_LD | BPF_W | BPF_ABS, 0, 0, OffsetOfPortId),
            new(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, port),
            new(BPF_RET | BPF_K, 0, 0, 0),
            new(BPF_RET | BPF_K, 0, 0, uint.MaxValue),
        ];
        fixed (SocketFilter* instructions = program)
        {
            var filter = new SocketFilterProgram { Length = (ushort)program.Length, Instructions = instructions };
            Check("setsockopt", setsockopt((int)_handle.DangerousGetHandle(), SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(SocketFilterProgram)));
        }
    }

    /// <summary>Sends whole messages in one system call, with the send buffer enlarged as needed.</summary>
    /// <exception cref="NetlinkException">The system call failed.</exception>
    public void Send(ReadOnlySpan<byte> messages)
    {
        var added = false;
        _handle.DangerousAddRef(ref added);
        try
        {
            var fd = (int)_handle.DangerousGetHandle();
            EnsureSendBuffer(fd, messages.Length);
            var kernel = new KernelNetlinkAddress { Family = (ushort)AF_NETLINK };
            fixed (byte* data = messages)
            {
                long sent;
                do
                {
                    sent = (long)sendto(fd, data, messages.Length, 0, (sockaddr*)&kernel, sizeof(KernelNetlinkAddress));
                }
                while (sent < 0 && errno == EINTR);
                Check("sendto", sent);
            }
        }
        finally
        {
            _handle.DangerousRelease();
        }
    }

    /// <summary>Receives whole messages from the kernel.</summary>
    /// <param name="buffer">Where to.</param>
    /// <param name="wait">Whether to wait for some, at most half a minute.</param>
    /// <returns>The number of bytes; 0 where there are none and the caller does not wait.</returns>
    /// <exception cref="NetlinkException">The system call failed; <c>ENOBUFS</c>: messages were lost; <c>ETIMEDOUT</c>: nothing came.</exception>
    public int Receive(Span<byte> buffer, bool wait)
    {
        var added = false;
        _handle.DangerousAddRef(ref added);
        try
        {
            var fd = (int)_handle.DangerousGetHandle();
            while (true)
            {
                var sender = default(KernelNetlinkAddress);
                socklen_t size = (uint)sizeof(KernelNetlinkAddress);
                long received;
                fixed (byte* data = buffer)
                {
                    received = (long)recvfrom(fd, data, buffer.Length, MSG_TRUNC | (wait ? 0 : MSG_DONTWAIT), (sockaddr*)&sender, &size);
                }

                if (received < 0)
                {
                    var error = errno;
                    if (error == EINTR)
                    {
                        continue;
                    }

                    if (error == EAGAIN)
                    {
                        return wait ? throw new NetlinkException("recvfrom", Errno.ETIMEDOUT) : 0;
                    }

                    throw new NetlinkException("recvfrom", error);
                }

                if (received > buffer.Length)
                {
                    throw new NetlinkFormatException($"a datagram of {received} bytes does not fit the buffer of {buffer.Length}");
                }

                // Port 0 is the kernel; another process may send to us too, and is not believed.
                if (sender.PortId == 0 && received > 0)
                {
                    return (int)received;
                }
            }
        }
        finally
        {
            _handle.DangerousRelease();
        }
    }

    /// <summary>Closes the socket.</summary>
    public void Dispose() => _handle.Dispose();

    private void EnsureSendBuffer(int fd, int length)
    {
        // netlink_sendmsg() refuses what is longer than sk_sndbuf - 32.
        var needed = length + 4096;
        if (needed <= _sendBuffer)
        {
            return;
        }

        SetBuffer(fd, SO_SNDBUFFORCE, SO_SNDBUF, needed);
        _sendBuffer = needed;
    }

    private static void SetBuffer(int fd, int forced, int plain, int bytes)
    {
        if (setsockopt(fd, SOL_SOCKET, forced, &bytes, sizeof(int)) != 0)
        {
            Check("setsockopt", setsockopt(fd, SOL_SOCKET, plain, &bytes, sizeof(int)));
        }
    }

    private static void SetOption(int fd, int level, int option, int value) =>
        Check("setsockopt", setsockopt(fd, level, option, &value, sizeof(int)));

    private static void Check(string call, long result)
    {
        if (result < 0)
        {
            throw new NetlinkException(call, errno);
        }
    }

    // linux/bpf_common.h
    private const ushort BPF_LD = 0x00;
    private const ushort BPF_W = 0x00;
    private const ushort BPF_ABS = 0x20;
    private const ushort BPF_JMP = 0x05;
    private const ushort BPF_JEQ = 0x10;
    private const ushort BPF_K = 0x00;
    private const ushort BPF_RET = 0x06;

    /// <summary><c>struct sock_filter</c> (linux/filter.h).</summary>
    private readonly record struct SocketFilter(ushort Code, byte JumpTrue, byte JumpFalse, uint Operand);

    /// <summary><c>struct sock_fprog</c> (linux/filter.h).</summary>
    private struct SocketFilterProgram
    {
        public ushort Length;
        public SocketFilter* Instructions;
    }

    /// <summary><c>struct sockaddr_nl</c> (linux/netlink.h).</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct KernelNetlinkAddress
    {
        public ushort Family;
        public ushort Padding;
        public uint PortId;
        public uint Groups;
    }

    /// <summary><c>struct timeval</c> on 64-bit machines.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct KernelTimeval
    {
        public long Seconds;
        public long Microseconds;
    }
}
