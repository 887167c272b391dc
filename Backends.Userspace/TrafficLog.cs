using System.Net;
using Microsoft.Extensions.Logging;

namespace ProxyFramework.Backends.Userspace;

/// <summary>A line for each balanced connection, in the category <see cref="Category"/>, so that an operator (and the demo) can watch.</summary>
internal static partial class TrafficLog
{
    public const string Category = "ProxyFramework.Backends.Userspace.Traffic";

    [LoggerMessage(EventId = 100, EventName = "ConnectionBalanced", Level = LogLevel.Debug, Message = "{Service} {Client} → {Endpoint} from {Source}")]
    public static partial void Balanced(ILogger logger, string service, Endpoint client, IPEndPoint endpoint, EndPoint? source);

    [LoggerMessage(EventId = 101, EventName = "FlowBalanced", Level = LogLevel.Debug, Message = "{Service} {Client} → {Endpoint} (UDP)")]
    public static partial void FlowBalanced(ILogger logger, string service, Endpoint client, IPEndPoint endpoint);

    [LoggerMessage(EventId = 102, EventName = "ConnectFailed", Level = LogLevel.Debug, Message = "{Service} {Client} → {Endpoint} failed: {Reason}")]
    public static partial void ConnectFailed(ILogger logger, string service, Endpoint client, IPEndPoint endpoint, string reason);

    [LoggerMessage(EventId = 103, EventName = "ConnectionUnserved", Level = LogLevel.Debug, Message = "{Service} {Client}: no endpoint took the connection; it is reset")]
    public static partial void Unserved(ILogger logger, string service, Endpoint client);

    [LoggerMessage(EventId = 104, EventName = "FlowRefused", Level = LogLevel.Debug, Message = "{Service} {Client} → {Endpoint} (UDP) refused: {Reason}")]
    public static partial void FlowRefused(ILogger logger, string service, Endpoint client, IPEndPoint endpoint, string reason);
}
