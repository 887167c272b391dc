using System.Diagnostics.CodeAnalysis;

namespace ProxyFramework.Netlink;

/// <summary>Makes an object of a received message.</summary>
/// <returns>False where the message is none of those wanted.</returns>
/// <exception cref="NetlinkFormatException">The message is not well-formed.</exception>
public delegate bool NetlinkParser<T>(NetlinkMessage message, [MaybeNullWhen(false)] out T item);
