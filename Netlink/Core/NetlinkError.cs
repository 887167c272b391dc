using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace ProxyFramework.Netlink;

/// <summary>The kernel's refusal of one message: <c>struct nlmsgerr</c> with the extended acknowledgement (linux/netlink.h).</summary>
public sealed record NetlinkError
{
    /// <summary>The position of the refused message among those that were sent together, from 0.</summary>
    public required int MessageIndex { get; init; }

    /// <summary>The name of the refused request in the kernel's headers, such as <c>RTM_NEWROUTE</c>.</summary>
    public required string Request { get; init; }

    /// <summary>The positive error number (errno(3)); <see cref="Errno"/> has the names.</summary>
    public required int Errno { get; init; }

    /// <summary><c>NLMSGERR_ATTR_MSG</c>: the kernel's own words, where it has some.</summary>
    public string? KernelText { get; init; }

    /// <summary><c>NLMSGERR_ATTR_OFFS</c>: where in the message the refused attribute begins, in bytes from the message's start.</summary>
    public int? Offset { get; init; }

    /// <summary><c>NLMSGERR_ATTR_MISS_TYPE</c>: the number of the attribute that is missing.</summary>
    public int? MissingAttribute { get; init; }

    /// <summary>One line for a log: what was refused, why, and where.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"{Request} (message {MessageIndex}): {Netlink.Errno.Name(Errno)}, {Marshal.GetPInvokeErrorMessage(Errno)}");
        if (KernelText is not null)
        {
            text.Append(CultureInfo.InvariantCulture, $"; kernel: {KernelText}");
        }

        if (Offset is { } offset)
        {
            text.Append(CultureInfo.InvariantCulture, $"; attribute at byte {offset}");
        }

        if (MissingAttribute is { } missing)
        {
            text.Append(CultureInfo.InvariantCulture, $"; attribute {missing} is missing");
        }

        return text.ToString();
    }
}
