using System.Collections.Immutable;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;

namespace ProxyFramework.Core;

/// <summary>The addresses as the system tells them: read when it announces a change, and now and then, since announcements get lost.</summary>
internal sealed partial class MachineAddresses(TimeProvider time, ILogger<MachineAddresses> logger) : IInterfaceAddresses
{
    /// <summary>Addresses come and go in bursts: one read for all that happens in this time.</summary>
    private static readonly TimeSpan Settling = TimeSpan.FromMilliseconds(100);

    private static readonly TimeSpan PollPeriod = TimeSpan.FromMinutes(1);

    /// <inheritdoc/>
    public async IAsyncEnumerable<ImmutableArray<InetAddress>> WatchAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var changed = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
        NetworkAddressChangedEventHandler onChange = (_, _) => changed.Writer.TryWrite(true);
        NetworkChange.NetworkAddressChanged += onChange;
        using var poll = time.CreateTimer(_ => changed.Writer.TryWrite(true), null, PollPeriod, PollPeriod);
        try
        {
            ImmutableArray<InetAddress>? last = null;
            while (true)
            {
                if (Read() is { } now && (last is null || !now.AsSpan().SequenceEqual(last.Value.AsSpan())))
                {
                    last = now;
                    yield return now;
                }

                await changed.Reader.ReadAsync(cancellationToken).ConfigureAwait(false);
                await Task.Delay(Settling, time, cancellationToken).ConfigureAwait(false);
            }
        }
        finally
        {
            NetworkChange.NetworkAddressChanged -= onChange;
        }
    }

    private ImmutableArray<InetAddress>? Read()
    {
        try
        {
            return [.. NetworkInterface.GetAllNetworkInterfaces()
                .SelectMany(one => one.GetIPProperties().UnicastAddresses)
                .Select(one => one.Address)
                .Where(address => address.AddressFamily is AddressFamily.InterNetwork or AddressFamily.InterNetworkV6)
                .Select(InetAddress.FromIPAddress)
                .Distinct()
                .Order()];
        }
        catch (NetworkInformationException error)
        {
            // An interface can vanish while it is being read; the announcement of that leads here again.
            Log.Unreadable(logger, error.Message);
            return null;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Warning, "The addresses of this machine's interfaces could not be read: {Message}.")]
        public static partial void Unreadable(ILogger logger, string message);
    }
}
